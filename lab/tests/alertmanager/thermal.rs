//! Machines and racks: phantoms, heat, parts, and BMCs behind one switch.

use crate::chain::{PAGE, TICKET, scenario};

pub(crate) async fn phantoms_with_their_fans_are_one_page_a_site() {
    scenario(
        "phantoms with their fans are one page a site",
        &[
            (
                PAGE,
                &[
                    "IpmiPhantomTemperature critical thermal host target=a site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomFanRunaway critical thermal host target=a site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomTemperature critical thermal host target=b site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomFanRunaway critical thermal host target=b site=s rack=r id=32.0.5 name=HD",
                ],
            ),
            // Another machine's sensor, and another kind of fault of this one.
            (TICKET, &["IpmiDriveTemperatureDisagrees warning thermal host target=c site=s rack=r id=32.0.5"]),
            (TICKET, &["IpmiSensorLost warning thermal host target=a site=s rack=r id=32.0.9"]),
        ],
        &[
            // The ticket of the seconds before the fans moved.
            "IpmiPhantomTemperature warning thermal host target=a site=s rack=r id=32.0.5 name=HD",
            "IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5",
            "IpmiSensorNearSilentLimit info thermal host target=a site=s rack=r id=32.0.5",
        ],
    )
    .await;
}

pub(crate) async fn a_phantom_whose_fans_stay_calm_is_one_ticket() {
    scenario(
        "a phantom whose fans stay calm is one ticket",
        &[(TICKET, &["IpmiPhantomTemperature warning thermal host target=a site=s rack=r id=32.0.5 name=HD"])],
        &["IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5"],
    )
    .await;
}

pub(crate) async fn a_rack_that_overheats_is_one_page_which_covers_its_fans() {
    scenario(
        "a rack that overheats is one page which covers its fans",
        &[
            (
                PAGE,
                &[
                    "IpmiThermalRunaway critical thermal host target=a site=s rack=r",
                    "IpmiThermalRunaway critical thermal host target=b site=s rack=r",
                ],
            ),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=c site=s rack=q"]),
            (TICKET, &["IpmiFanFailed warning thermal host target=d site=s rack=r name=Fan"]),
            (TICKET, &["IpmiBmcDown warning thermal host target=e site=s rack=r"]),
        ],
        &[
            "IpmiFanFailed warning thermal host target=a site=s rack=r name=Fan",
            "IpmiSensorNearSilentLimit info thermal host target=a site=s rack=r id=32.0.5",
            "IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5",
        ],
    )
    .await;
}

pub(crate) async fn a_fault_that_stops_a_machine_covers_the_ticket_about_its_parts() {
    scenario(
        "a fault that stops a machine covers the ticket about its parts",
        &[
            (PAGE, &["IpmiHardwareStopsMachine critical thermal host target=a site=s rack=r"]),
            (TICKET, &["IpmiHardwareFault warning thermal host target=b site=s rack=r"]),
        ],
        &["IpmiHardwareFault warning thermal host target=a site=s rack=r"],
    )
    .await;
}

pub(crate) async fn a_rack_that_heats_stands_for_its_machines_and_slow_heat_for_limits() {
    scenario(
        "a rack that heats stands for its machines, and slow heat for the limits of its machine",
        &[
            (PAGE, &["IpmiThermalRunaway critical thermal rack site=s rack=r"]),
            // Another rack, and a machine of none, which missing labels must not make one of it.
            (TICKET, &["IpmiThermalRunaway warning thermal host target=d site=s rack=q"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=e"]),
        ],
        &[
            "IpmiThermalRunaway critical thermal host target=a site=s rack=r",
            "IpmiThermalRunaway critical thermal host target=b site=s rack=r",
            "IpmiThermalRunaway warning thermal host target=c site=s rack=r",
            "IpmiLimitExceeded warning thermal host target=a site=s rack=r id=32.0.2",
            "IpmiLimitExceeded warning thermal host target=d site=s rack=q id=32.0.2",
            // The ticket of the minutes before.
            "IpmiThermalRunaway warning thermal host target=e",
        ],
    )
    .await;
}

pub(crate) async fn one_site_s_machine_silences_nothing_of_another_s() {
    scenario(
        "one site's machine silences nothing of another's",
        &[
            (PAGE, &["IpmiPhantomFanRunaway critical thermal host target=web-1 site=s id=32.0.5"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=web-1 site=t"]),
            (
                TICKET,
                &["IpmiPhantomTemperature warning thermal host target=web-1 site=t id=32.0.5"],
            ),
            (
                TICKET,
                &["IpmiDriveTemperatureDisagrees warning thermal host target=web-1 id=32.0.5"],
            ),
            (TICKET, &["IpmiFanFailed warning thermal host target=web-1 site=s name=Fan"]),
        ],
        &[
            "IpmiPhantomTemperature warning thermal host target=web-1 site=s id=32.0.5",
            "IpmiFanFailed warning thermal host target=web-1 site=t name=Fan",
        ],
    )
    .await;
}

pub(crate) async fn a_switch_that_takes_two_racks_is_one_ticket() {
    scenario(
        "a switch that takes two racks is one ticket",
        &[
            (
                TICKET,
                &[
                    "IpmiBmcDown warning thermal host target=a site=s rack=r",
                    "IpmiBmcDown warning thermal host target=b site=s rack=r",
                    "IpmiBmcDown warning thermal host target=c site=s rack=q",
                ],
            ),
            (TICKET, &["IpmiBmcDown warning thermal host target=a site=t rack=r"]),
        ],
        &[],
    )
    .await;
}

pub(crate) async fn a_roll_out_that_loses_a_sensor_is_one_ticket_a_site() {
    scenario(
        "a roll-out that loses a sensor is one ticket a site",
        &[
            (
                TICKET,
                &[
                    "IpmiSensorLost warning thermal host target=a site=s rack=r1 id=32.0.5 name=HD",
                    "IpmiSensorLost warning thermal host target=b site=s rack=r2 id=32.0.5 name=HD",
                    "IpmiSensorLost warning thermal host target=c site=s rack=r3 id=32.0.5 name=HD",
                ],
            ),
            (
                TICKET,
                &[
                    "IpmiSensorUnreadable warning thermal host target=a site=s rack=r1 id=32.0.6 name=Inlet",
                    "IpmiSensorUnreadable warning thermal host target=b site=s rack=r2 id=32.0.6 name=Inlet",
                ],
            ),
            (TICKET, &["IpmiSensorLost warning thermal host target=a site=t rack=r1 id=32.0.5 name=HD"]),
        ],
        &[],
    )
    .await;
}
