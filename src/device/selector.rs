//! Which board: the names that users type, as mpremote and MicroPython's test runner spell them.
//!
//! In: a name, and the list of what is plugged in. Out: an address that can be opened. It never picks one of
//! several boards silently, and it refuses to read the environment or to ask the user: the command line does.

use super::error::{OpenError, SelectError};
use super::ports::Port;
use super::process::Process;
use super::pty::CommandPty;
use super::serial::{DEFAULT_BAUD, Serial};
use super::socket::Socket;
use super::transport::Transport;

/// A name that a user typed, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one board that is plugged in.
    Auto,
    /// The board whose USB serial number this is.
    Id(String),
    /// A line that needs no search.
    Line(Address),
}

/// A line that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A serial port or a pseudo-terminal.
    Serial(String),
    /// `HOST:PORT`, or the path of a Unix socket.
    Socket(String),
    /// A command that speaks on its standard streams.
    Exec(String),
    /// A command that prints the name of a pseudo-terminal.
    ExecPty(String),
}

impl Selector {
    /// Understands a name; see `docs/boards.md` for the forms.
    ///
    /// # Errors
    /// [`SelectError::NotUnderstood`], which lists the forms.
    pub fn parse(name: &str) -> Result<Self, SelectError> {
        let not_understood = || SelectError::NotUnderstood { name: name.to_owned() };
        let full = |rest: &str| {
            if rest.trim().is_empty() { Err(not_understood()) } else { Ok(rest.to_owned()) }
        };
        let line = |address| Ok(Self::Line(address));
        if name == "auto" {
            return Ok(Self::Auto);
        }
        for (prefix, device) in [("a", "/dev/ttyACM"), ("u", "/dev/ttyUSB"), ("c", "COM")] {
            if let Some(number) = name.strip_prefix(prefix)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
            {
                return line(Address::Serial(format!("{device}{number}")));
            }
        }
        if let Some((scheme, rest)) = name.split_once(':') {
            match scheme {
                "id" => return full(rest).map(Self::Id),
                "port" => return line(Address::Serial(full(rest)?)),
                "exec" => return line(Address::Exec(full(rest)?)),
                "execpty" => return line(Address::ExecPty(full(rest)?)),
                "socket" => {
                    let address = rest.strip_prefix("//").filter(|rest| rest.contains([':', '/']));
                    return line(Address::Socket(full(address.unwrap_or_default())?));
                }
                _ => {}
            }
        }
        let is_path = name.contains(['/', '\\']) && !name.contains("://");
        let is_com =
            name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("COM")) && name.len() > 3;
        if is_path || is_com {
            line(Address::Serial(name.to_owned()))
        } else {
            Err(not_understood())
        }
    }

    /// The line that the name means, given what is plugged in.
    ///
    /// # Errors
    /// [`SelectError`] when the name fits no port, or `auto` fits several: it lists them.
    pub fn resolve(&self, ports: &[Port]) -> Result<Address, SelectError> {
        match self {
            Self::Line(address) => Ok(address.clone()),
            Self::Id(id) => ports
                .iter()
                .find(|port| port.usb.as_ref().is_some_and(|usb| usb.serial.as_deref() == Some(id)))
                .map(|port| Address::Serial(port.path.clone()))
                .ok_or_else(|| SelectError::NoSuchId { id: id.clone(), present: present(ports) }),
            Self::Auto => match candidates(ports).as_slice() {
                [] => Err(SelectError::NoneFound { present: present(ports) }),
                [one] => Ok(Address::Serial(one.path.clone())),
                several => Err(SelectError::Several { list: lines(several) }),
            },
        }
    }
}

/// The ports that may be boards: those with a USB vendor and product id. A machine's own serial ports are not.
#[must_use]
pub fn candidates(ports: &[Port]) -> Vec<&Port> {
    ports.iter().filter(|port| port.usb.is_some()).collect()
}

fn lines(ports: &[&Port]) -> String {
    ports.iter().map(|port| format!("  {port}")).collect::<Vec<_>>().join("\n")
}

fn present(ports: &[Port]) -> String {
    if ports.is_empty() {
        return "there are no serial ports at all".to_owned();
    }
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Address {
    /// Opens the line.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do about it.
    pub fn open(&self, baud: Option<u32>) -> Result<Box<dyn Transport>, OpenError> {
        Ok(match self {
            Self::Serial(path) => Box::new(Serial::open(path, baud.unwrap_or(DEFAULT_BAUD))?),
            Self::Socket(address) => Box::new(Socket::open(address)?),
            Self::Exec(command) => Box::new(Process::open(command)?),
            Self::ExecPty(command) => Box::new(CommandPty::open(command)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ports::Usb;
    use super::*;

    fn serial(path: &str) -> Result<Selector, SelectError> {
        Ok(Selector::Line(Address::Serial(path.to_owned())))
    }

    #[test]
    fn names_as_mpremote_spells_them() {
        assert_eq!(Selector::parse("a0"), serial("/dev/ttyACM0"));
        assert_eq!(Selector::parse("u12"), serial("/dev/ttyUSB12"));
        assert_eq!(Selector::parse("c3"), serial("COM3"));
        assert_eq!(Selector::parse("com3"), serial("com3"));
        assert_eq!(Selector::parse("port:COM4"), serial("COM4"));
        assert_eq!(Selector::parse("/dev/pts/3"), serial("/dev/pts/3"));
        assert_eq!(Selector::parse("auto"), Ok(Selector::Auto));
        assert_eq!(Selector::parse("id:334D"), Ok(Selector::Id("334D".to_owned())));
        let line = |address| Ok(Selector::Line(address));
        assert_eq!(Selector::parse("socket://h:23"), line(Address::Socket("h:23".to_owned())));
        assert_eq!(Selector::parse("socket:///run/s"), line(Address::Socket("/run/s".to_owned())));
        assert_eq!(
            Selector::parse("exec:node x.mjs"),
            line(Address::Exec("node x.mjs".to_owned()))
        );
        assert_eq!(
            Selector::parse("execpty:q -s pty"),
            line(Address::ExecPty("q -s pty".to_owned()))
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_forms() {
        for name in [
            "",
            "a",
            "board",
            "id:",
            "port:",
            "exec: ",
            "socket:",
            "socket://host",
            "rfc2217://h:1",
            "COM",
        ] {
            let error = Selector::parse(name).expect_err(name);
            assert!(error.to_string().contains("execpty:CMD"), "{error}");
        }
    }

    fn board(path: &str, serial: &str) -> Port {
        let usb = Usb {
            vendor: 0xf055,
            product: 0x9802,
            serial: Some(serial.to_owned()),
            maker: None,
            name: None,
        };
        Port { path: path.to_owned(), usb: Some(usb) }
    }

    #[test]
    fn auto_takes_the_only_board_and_never_one_of_several() {
        let uart = Port { path: "/dev/ttyS0".to_owned(), usb: None };
        let none = Selector::Auto.resolve(std::slice::from_ref(&uart)).expect_err("no board");
        assert!(none.to_string().contains("/dev/ttyS0"), "{none}");
        let one = [uart.clone(), board("/dev/ttyACM0", "A")];
        assert_eq!(Selector::Auto.resolve(&one), Ok(Address::Serial("/dev/ttyACM0".to_owned())));
        let two = [uart, board("/dev/ttyACM0", "A"), board("/dev/ttyACM1", "B")];
        let several = Selector::Auto.resolve(&two).expect_err("two boards").to_string();
        assert!(
            several.contains("ttyACM0")
                && several.contains("ttyACM1")
                && !several.contains("ttyS0"),
            "{several}"
        );
        let id = Selector::Id("B".to_owned());
        assert_eq!(id.resolve(&two), Ok(Address::Serial("/dev/ttyACM1".to_owned())));
        assert!(Selector::Id("C".to_owned()).resolve(&two).is_err());
    }
}
