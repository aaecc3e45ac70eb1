//! The line to a board, which can be opened again.

use std::time::Duration;

use crate::device::selector::Address;
use crate::device::{OpenError, Transport};

/// Where a board is, so that it can be found again after it went away.
pub struct Line {
    /// Opens it.
    pub open: Box<dyn FnMut() -> Result<Box<dyn Transport>, OpenError> + Send>,
    /// How long a board may take to come back after a reset; none if what opens anew is another board.
    pub patience: Option<Duration>,
}

/// How long a real board may take to come back after a reset.
const COMING_BACK: Duration = Duration::from_secs(12);

impl Line {
    /// The line at an address.
    #[must_use]
    pub fn at(address: &Address, baud: Option<u32>) -> Self {
        // What a command was is not the same board when it is started anew.
        let anew = matches!(address, Address::Exec(_) | Address::ExecPty(_));
        let address = address.clone();
        Self {
            open: Box::new(move || address.open(baud)),
            patience: (!anew).then_some(COMING_BACK),
        }
    }
}
