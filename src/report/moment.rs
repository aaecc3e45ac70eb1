//! The time a report was made, told by the caller: a renderer has no clock.

/// Milliseconds since the start of 1970, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// As in `2025-11-15T15:21:44+00:00`.
    #[must_use]
    pub fn iso(self) -> String {
        let (date, time) = self.parts();
        format!("{date}T{time}+00:00")
    }

    /// For readers: `2025-11-15 15:21 UTC`.
    #[must_use]
    pub fn readable(self) -> String {
        let (date, time) = self.parts();
        format!("{date} {} UTC", &time[..5])
    }

    fn parts(self) -> (String, String) {
        let seconds = self.0 / 1000;
        let (year, month, day) = civil(seconds / 86_400);
        let of_day = seconds % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
    }
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of a year,
/// and in eras of 400 years, which all have the same number of days.
fn civil(days: u64) -> (u64, u64, u64) {
    let from_march_0000 = days + 719_468;
    let era = from_march_0000 / 146_097;
    let day_of_era = from_march_0000 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn days_fall_on_the_calendar() {
        let iso = |seconds: u64| Moment(seconds * 1000).iso();
        assert_eq!(iso(0), "1970-01-01T00:00:00+00:00");
        assert_eq!(iso(951_782_399), "2000-02-28T23:59:59+00:00");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00+00:00");
        assert_eq!(iso(1_763_220_104), "2025-11-15T15:21:44+00:00");
        assert_eq!(iso(4_107_542_400), "2100-03-01T00:00:00+00:00");
        assert_eq!(Moment(1_763_220_104_999).readable(), "2025-11-15 15:21 UTC");
    }
}
