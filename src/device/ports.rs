//! What is plugged in: the serial ports of this machine.
//!
//! In: nothing. Out: a sorted list of ports with what USB says about them, for choosing and for showing. It
//! refuses to open any of them: opening a port can reset a board.

use std::cmp::Ordering;
use std::fmt;

use serialport::SerialPortType;

use super::error::SelectError;

/// One serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// What to open: `/dev/ttyACM0`, `COM3`.
    pub path: String,
    /// What USB says; `None` for a port that is not USB.
    pub usb: Option<Usb>,
}

/// What a USB device says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usb {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// The serial number, which `id:` names.
    pub serial: Option<String>,
    /// The maker's name.
    pub maker: Option<String>,
    /// The product's name.
    pub name: Option<String>,
}

impl fmt::Display for Port {
    /// One line, in the order in which `mpremote connect list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(usb) = &self.usb else {
            return write!(f, "{} (not USB)", self.path);
        };
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let Usb { vendor, product, serial, maker, name } = usb;
        write!(
            f,
            "{} {} {vendor:04x}:{product:04x} {} {}",
            self.path,
            or_none(serial),
            or_none(maker),
            or_none(name)
        )
    }
}

/// The serial ports of this machine, sorted, so that the same boards always come in the same order.
///
/// # Errors
/// [`SelectError::Listing`] when the system will not say.
pub fn list() -> Result<Vec<Port>, SelectError> {
    // Containers may lack the directory that the serial library expects on Linux; then there are no ports.
    if cfg!(target_os = "linux") && !std::path::Path::new("/sys/class/tty").exists() {
        return Ok(Vec::new());
    }
    let found = serialport::available_ports()
        .map_err(|error| SelectError::Listing { reason: error.to_string() })?;
    let ports = found.into_iter().map(|info| Port {
        path: info.port_name,
        usb: match info.port_type {
            SerialPortType::UsbPort(usb) => Some(Usb {
                vendor: usb.vid,
                product: usb.pid,
                serial: usb.serial_number,
                maker: usb.manufacturer,
                name: usb.product,
            }),
            _ => None,
        },
    });
    // macOS has each port twice; opening `tty.` waits for a carrier that boards do not give.
    let mut ports: Vec<Port> = ports.filter(|port| !port.path.starts_with("/dev/tty.")).collect();
    ports.sort_by(|a, b| by_number(&a.path, &b.path));
    Ok(ports)
}

/// Sorts `ttyACM2` before `ttyACM10`.
fn by_number(a: &str, b: &str) -> Ordering {
    let split = |path: &str| {
        let digits = path.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (name, number) = path.split_at(path.len() - digits);
        (name.to_owned(), number.parse::<u64>().unwrap_or(0))
    };
    split(a).cmp(&split(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_sort_by_name_then_number() {
        let mut paths = ["/dev/ttyUSB0", "/dev/ttyACM10", "/dev/ttyACM2", "COM3"];
        paths.sort_by(|a, b| by_number(a, b));
        assert_eq!(paths, ["/dev/ttyACM2", "/dev/ttyACM10", "/dev/ttyUSB0", "COM3"]);
    }

    #[test]
    fn listing_works_on_this_machine() {
        list().expect("a list, if an empty one");
    }
}
