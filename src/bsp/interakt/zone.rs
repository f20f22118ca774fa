//! Meta's `timezone_id` numbers and the IANA zones that they stand for.

use crate::domain::period::Zone;

/// The zone of a `timezone_id`; `None` for a number that is not in Meta's list, and for 0, which stands for none.
pub(super) fn of_id(id: &str) -> Option<Zone> {
    let place: usize = id.parse().ok()?;
    NAMES.get(place.checked_sub(1)?).copied().and_then(Zone::from_name)
}

/// By number, from 1 (Meta, Marketing API, time zone ids).
const NAMES: [&str; 142] = [
    "America/Los_Angeles",
    "America/Denver",
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Phoenix",
    "America/Chicago",
    "America/New_York",
    "Asia/Dubai",
    "America/Argentina/San_Luis",
    "America/Argentina/Buenos_Aires",
    "America/Argentina/Salta",
    "Europe/Vienna",
    "Australia/Perth",
    "Australia/Broken_Hill",
    "Australia/Sydney",
    "Europe/Sarajevo",
    "Asia/Dhaka",
    "Europe/Brussels",
    "Europe/Sofia",
    "Asia/Bahrain",
    "America/La_Paz",
    "America/Noronha",
    "America/Campo_Grande",
    "America/Belem",
    "America/Sao_Paulo",
    "America/Nassau",
    "America/Dawson",
    "America/Vancouver",
    "America/Dawson_Creek",
    "America/Edmonton",
    "America/Rainy_River",
    "America/Regina",
    "America/Atikokan",
    "America/Iqaluit",
    "America/Toronto",
    "America/Blanc-Sablon",
    "America/Halifax",
    "America/St_Johns",
    "Europe/Zurich",
    "Pacific/Easter",
    "America/Santiago",
    "Asia/Shanghai",
    "America/Bogota",
    "America/Costa_Rica",
    "Asia/Nicosia",
    "Europe/Prague",
    "Europe/Berlin",
    "Europe/Copenhagen",
    "America/Santo_Domingo",
    "Pacific/Galapagos",
    "America/Guayaquil",
    "Europe/Tallinn",
    "Africa/Cairo",
    "Atlantic/Canary",
    "Europe/Madrid",
    "Europe/Helsinki",
    "Europe/Paris",
    "Europe/London",
    "Africa/Accra",
    "Europe/Athens",
    "America/Guatemala",
    "Asia/Hong_Kong",
    "America/Tegucigalpa",
    "Europe/Zagreb",
    "Europe/Budapest",
    "Asia/Jakarta",
    "Asia/Makassar",
    "Asia/Jayapura",
    "Europe/Dublin",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Baghdad",
    "Atlantic/Reykjavik",
    "Europe/Rome",
    "America/Jamaica",
    "Asia/Amman",
    "Asia/Tokyo",
    "Africa/Nairobi",
    "Asia/Seoul",
    "Asia/Kuwait",
    "Asia/Beirut",
    "Asia/Colombo",
    "Europe/Vilnius",
    "Europe/Luxembourg",
    "Europe/Riga",
    "Africa/Casablanca",
    "Europe/Skopje",
    "Europe/Malta",
    "Indian/Mauritius",
    "Indian/Maldives",
    "America/Tijuana",
    "America/Hermosillo",
    "America/Mazatlan",
    "America/Mexico_City",
    "Asia/Kuala_Lumpur",
    "Africa/Lagos",
    "America/Managua",
    "Europe/Amsterdam",
    "Europe/Oslo",
    "Pacific/Auckland",
    "Asia/Muscat",
    "America/Panama",
    "America/Lima",
    "Asia/Manila",
    "Asia/Karachi",
    "Europe/Warsaw",
    "America/Puerto_Rico",
    "Asia/Gaza",
    "Atlantic/Azores",
    "Europe/Lisbon",
    "America/Asuncion",
    "Asia/Qatar",
    "Europe/Bucharest",
    "Europe/Belgrade",
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
    "Asia/Anadyr",
    "Asia/Riyadh",
    "Asia/Singapore",
    "Africa/Johannesburg",
    "Europe/Stockholm",
    "Asia/Taipei",
    "Africa/Dar_es_Salaam",
    "Asia/Bangkok",
    "Africa/Tunis",
    "Europe/Istanbul",
    "America/Montevideo",
    "America/Caracas",
    "Asia/Ho_Chi_Minh",
    "Africa/Kinshasa",
    "Africa/Lubumbashi",
    "Africa/Harare",
    "Africa/Lusaka",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_zone_that_is_known_here() {
        for place in 1..=NAMES.len() {
            assert!(of_id(&place.to_string()).is_some(), "{place}: {}", NAMES[place - 1]);
        }
    }

    #[test]
    fn numbers_are_those_of_meta_and_others_have_no_zone() {
        assert_eq!(of_id("71").map(Zone::name), Some("Asia/Kolkata"));
        assert_eq!(of_id("1").map(Zone::name), Some("America/Los_Angeles"));
        assert_eq!(of_id("142").map(Zone::name), Some("Africa/Lusaka"));
        for unknown in ["0", "143", "-1", "", "Asia/Kolkata"] {
            assert_eq!(of_id(unknown), None, "{unknown:?}");
        }
    }
}
