//! Padded lengths (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
//! Communication with PURBs", PoPETs 2019): at most 12 % more, and few distinct sizes.

/// The padded length of `bytes` bytes, at least `bytes_min`.
pub fn padded(bytes: u64, bytes_min: u64) -> u64 {
    if bytes <= bytes_min.max(1) {
        return bytes_min.max(1);
    }
    let exponent = bytes.ilog2();
    let kept = exponent.max(1).ilog2() + 1;
    let mask = (1_u64 << exponent.saturating_sub(kept)) - 1;
    bytes.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_grow_by_at_most_an_eighth_and_never_shrink() {
        let mut last = 0;
        for bytes in
            (1..5_000_000)
                .step_by(977)
                .chain([1 << 24, (1 << 24) + 1, u64::from(u32::MAX)])
        {
            let result = padded(bytes, 4096);
            assert!(result >= bytes && result >= last, "{bytes} -> {result}");
            assert!(
                bytes <= 4096 || (result - bytes) * 100 <= bytes * 12,
                "{bytes} -> {result}"
            );
            assert_eq!(padded(result, 4096), result, "padding is stable");
            last = result.max(last);
        }
        assert_eq!(padded(9, 0), 10);
        assert_eq!(padded(65_537, 65_536), 67_584);
    }
}
