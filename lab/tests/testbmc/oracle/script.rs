//! What `specimens()` says of each sensor, worked out by hand from its bytes and the specification's
//! formulas (IPMI 2.0 section 36.3), in the order of the records.

use super::seen::Seen;

/// Owner, LUN and number; name; value; unit; level or states; thresholds from the lowest to the
/// highest; hysteresis.
const SCRIPT: &str = "
32.0.1   | unsigned 255     | 255.000        | degrees C           | ok
32.0.2   | ones 25          | 25.000         | degrees C           | ok
32.0.3   | ones -25         | -25.000        | degrees C           | ok
32.0.4   | ones -127        | -127.000       | degrees C           | ok
32.0.5   | ones -0          | 0.000          | degrees C           | ok
32.0.6   | twos 127         | 127.000        | degrees C           | ok
32.0.7   | twos -1          | -1.000         | degrees C           | ok
32.0.8   | twos -128        | -128.000       | degrees C           | ok
32.0.9   | no number        |                |                     | ok
32.0.16  | M -1 B 100       | 60.000         | Volts               | ok
32.0.17  | M 511 B -512     | 1021.000       | Volts               | ok
32.0.18  | ends             | 51.099         | Volts               | ok
32.0.19  | ends 2           | 5109999948.800 | Volts               | ok
32.0.20  | B exponent -1    | 10.500         | Volts               | ok
32.0.21  | exponent -3      | 19.208         | Volts               | ok
32.0.22  | M 0              | 7.000          | Volts               | ok
32.0.23  | twos, M -3       | 23.000         | Volts               | ok
32.0.24  | ones, M -3       | 30.000         | Volts               | ok
32.0.32  | linear           | 5.000          | Volts               | ok  | - - 2.000 - 7.000 -
32.0.33  | ln               | 1.609          | Volts               | ok  | - - 0.693 - 1.946 -
32.0.34  | log10            | 0.699          | Volts               | ok  | - - 0.301 - 0.845 -
32.0.35  | log2             | 2.322          | Volts               | ok  | - - 1.000 - 2.807 -
32.0.36  | e^x              | 148.413        | Volts               | ok  | - - 7.389 - 1096.633 -
32.0.37  | exp10            | 100000.000     | Volts               | ok  | - - 100.000 - 10000000.000 -
32.0.38  | exp2             | 32.000         | Volts               | ok  | - - 4.000 - 128.000 -
32.0.39  | 1/x              | 0.200          | Volts               | ok  | - - 0.500 - 0.143 -
32.0.40  | sqr              | 25.000         | Volts               | ok  | - - 4.000 - 49.000 -
32.0.41  | cube             | 125.000        | Volts               | ok  | - - 8.000 - 343.000 -
32.0.42  | sqrt             | 2.236          | Volts               | ok  | - - 1.414 - 2.646 -
32.0.43  | cube root        | 1.710          | Volts               | ok  | - - 1.260 - 1.913 -
32.0.44  | ln of 0          |                |                     | ok
32.0.45  | 1/0              |                |                     | ok
32.0.46  | sqrt of -9       |                |                     | ok
32.0.47  | bent below       | 50.000         | Volts               | ok  | - - 10.000 - 300.000 -
32.0.48  | bent above       | 140.000        | Volts               | ok  | - - 10.000 - 300.000 -
32.0.56  | duty             | 19.208         | percent             | ok
32.0.57  | percent of RPM   | 40.000         | % RPM               | ok
32.0.58  | speed            | 4500.000       | RPM                 | ok
32.0.59  | bytes per second | 12.000         | byte per second     | ok
32.0.60  | watt times hour  | 13.000         | Watts * hour        | ok
32.0.61  | metre by second  | 14.000         | m/second            | ok
32.0.62  | watt by A and h  | 15.000         | Watts/Amps per hour | ok
32.0.63  | no unit          | 16.000         | unspecified         | ok
32.0.64  | fahrenheit       | 100.000        | degrees F           | ok
32.0.65  | kelvin           | 250.000        | degrees K           | ok
32.0.66  | unit 60h         | 17.000         | unknown             | ok
32.0.72  | sixteen letters! | 20.000         | degrees C           | ok
32.0.73  |                  | 21.000         | degrees C           | ok
32.0.74  | Lüfter           | 22.000         | degrees C           | ok
32.0.75  | SIX BIT          | 23.000         | degrees C           | ok
32.0.76  | IPMI             | 24.000         | degrees C           | ok
32.0.77  | 12.5-3           | 25.000         | degrees C           | ok
32.0.78  | Temp Ω           | 26.000         | degrees C           | ok
32.0.79  | padded           | 27.000         | degrees C           | ok
32.0.80  | twin             | 28.000         | degrees C           | ok
32.0.81  | twin             | 29.000         | degrees C           | ok
32.0.88  | all, nominal     | 40.000         | degrees C           | ok  | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.89  | all, below nc    | 19.000         | degrees C           | lnc | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.90  | all, below cr    | 14.000         | degrees C           | lcr | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.91  | all, below nr    | 9.000          | degrees C           | lnr | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.92  | all, above nc    | 61.000         | degrees C           | unc | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.93  | all, above cr    | 66.000         | degrees C           | ucr | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.94  | all, above nr    | 71.000         | degrees C           | unr | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.95  | all, at nc       | 60.000         | degrees C           | unc | 10.000 15.000 20.000 60.000 65.000 70.000
32.0.96  | threshold of 0   | 5.000          | degrees C           | ok  | - 0.000 - - 100.000 -
32.0.97  | signed limits    | -11.000        | degrees C           | lcr | -20.000 -10.000 - -5.000 - 30.000
32.0.98  | ones' limits     | -10.000        | degrees C           | lcr | -19.000 -9.000 - -4.000 - 30.000
32.0.99  | hysteresis       | 20.500         | Volts               | ok  | 9.000 11.500 14.000 34.000 36.500 39.000 | 1.000 1.500
32.0.100 | falling          | 76.000         | Volts               | unc | 180.000 170.000 160.000 80.000 70.000 60.000
32.0.112 | on LUN 0         | 50.000         | degrees C           | ok
32.1.112 | on LUN 1         | 51.000         | degrees C           | ok
32.2.112 | on LUN 2         | 52.000         | degrees C           | ok
32.3.112 | on LUN 3         | 53.000         | degrees C           | ok
44.0.112 | engine's         | 90.000         | degrees C           | ok
44.1.112 | engine's LUN 1   | 91.000         | degrees C           | ok
44.0.113 | engine's limit   | 96.000         | degrees C           | ucr | - - - - 95.000 -
65.0.112 | software's       |                |                     |
32.0.128 | PSU present      |                |                     | 0
32.0.129 | PSU input lost   |                |                     | 0 1 3
32.0.130 | drive in parts   |                |                     | 0 9
32.0.131 | drive, no state  |                |                     |
32.0.132 | processor        |                |                     | 1 7 10
32.0.133 | fan running      |                |                     | 0
32.0.134 | fans redundant   |                |                     | 1
32.0.135 | severity         |                |                     | 2
32.0.136 | asserted         |                |                     | 1
32.0.137 | device absent    |                |                     | 0
32.0.138 | usage busy       |                |                     | 2
32.0.139 | limit exceeded   |                |                     | 1
32.0.140 | power D0         |                |                     | 0
32.0.141 | maker's type     |                |                     | 0 1
32.0.142 | maker's states   |                |                     | 0 14
32.0.143 | every state      |                |                     | 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14
32.0.144 | Fan 1            |                |                     | 0
32.0.145 | Fan 2            |                |                     | 0
32.0.146 | Fan 3            |                |                     | 0
32.0.148 | Bay A            |                |                     | 0
32.0.149 | Bay B            |                |                     | 0
32.0.152 | Fan 4            | 21.560         | percent             | 0
32.0.153 | full, states     |                |                     | 0 1
32.0.168 | record alone     |                |                     |
";

/// The script, a row a sensor, each with its owner, LUN and number.
pub(crate) fn script() -> Vec<(String, Seen)> {
    let rows = SCRIPT.lines().filter(|line| !line.is_empty());
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
        let mut next = || cells.next().unwrap_or_default();
        let id = next();
        let (name, value, unit) = (next(), next(), next());
        let (state, thresholds, hysteresis) = (next(), next(), next());
        (id, Seen { name, value, unit, state, thresholds, hysteresis })
    };
    rows.map(row).collect()
}
