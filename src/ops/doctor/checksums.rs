//! Checksums that are sent with a PUT: compared, refused when they are wrong, and shown again.

use super::basics::body;
use super::report::Verdict;
use super::scratch::Scratch;
use crate::store::retention::PutTerms;

pub fn wrong_is_refused(scratch: &mut Scratch<'_>) {
    let probe = "checksum_on_put";
    if scratch.retaining().is_none() {
        return;
    }
    let body = body();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &body);
    let with = |crc64| PutTerms {
        crc64: Some(crc64),
        ..PutTerms::default()
    };
    if let Err(error) = scratch.put_on_terms("sum/right", body.clone(), &with(crc)) {
        scratch.profile.crc64 = Some(false);
        let found = format!("an object with a CRC-64 is refused: {error}");
        let means = "none is sent; over https TLS guards the way, over http a SHA-256";
        return scratch.say(probe, Verdict::Lacking, found, means);
    }
    let wrong = scratch.put_on_terms("sum/wrong", body, &with(!crc));
    scratch.profile.crc64 = Some(wrong.is_err());
    if wrong.is_err() {
        let means = "bytes that change on their way are noticed by the store";
        scratch.say(probe, Verdict::Good, "a wrong CRC-64 is refused", means);
    } else {
        let means = "bytes that change on their way are noticed by verify only";
        scratch.say(probe, Verdict::Lacking, "a wrong CRC-64 is taken", means);
    }
    let probe = "checksum_kept";
    match scratch.store.stored_checksum("sum/right") {
        Ok(Some(told)) if told == crc => {
            scratch.profile.crc64_kept = Some(true);
            let means = "verify can compare without fetching; from now on backups send it";
            scratch.say(probe, Verdict::Good, "the CRC-64 is shown again", means);
        }
        Ok(told) => {
            scratch.profile.crc64_kept = Some(false);
            let found = match told {
                Some(_) => "another CRC-64 is shown",
                None => "no CRC-64 is shown again",
            };
            let means = "verify has to fetch what it is to prove";
            scratch.say(probe, Verdict::Lacking, found, means);
        }
        Err(error) => scratch.cannot_say(probe, &error),
    }
}
