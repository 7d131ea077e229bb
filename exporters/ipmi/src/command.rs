//! The kinds of commands that are sent, as they are counted. No I/O, no clock.

use exporter_kit::label_enum;

label_enum! {
    /// A kind of command, by its name in IPMI 2.0 or DCMI 1.5.
    pub(crate) enum Command {
        /// Get Device ID.
        DeviceId = "get_device_id",
        /// Get SDR Repository Info.
        SdrRepositoryInfo = "get_sdr_repository_info",
        /// Get SDR, and what reading a repository takes besides.
        Sdr = "get_sdr",
        /// Get Sensor Reading.
        SensorReading = "get_sensor_reading",
        /// Get Sensor Reading Factors.
        SensorReadingFactors = "get_sensor_reading_factors",
        /// Get Sensor Thresholds, and the factors of those that are non-linear.
        SensorThresholds = "get_sensor_thresholds",
        /// Get Chassis Status.
        ChassisStatus = "get_chassis_status",
        /// Get SEL Info.
        SelInfo = "get_sel_info",
        /// Get Power Reading.
        PowerReading = "get_power_reading",
        /// Get SEL Entry.
        SelEntry = "get_sel_entry",
        /// Get System Restart Cause.
        RestartCause = "get_system_restart_cause",
        /// Get Watchdog Timer.
        WatchdogTimer = "get_watchdog_timer",
        /// Get System Info Parameters.
        SystemInfo = "get_system_info_parameters",
        /// Get System GUID.
        SystemGuid = "get_system_guid",
        /// Get Power Limit.
        PowerLimit = "get_power_limit",
        /// Supermicro's own question for the port in use.
        LanMode = "supermicro_get_lan_mode",
        /// Get FRU Inventory Area Info, and Read FRU Data.
        Fru = "read_fru_data",
        /// GET: of the source that exists in tests alone.
        #[cfg(test)]
        Get = "get",
    }
}
