//! Progress without notices: the demo says everything twice otherwise.

use crate::progress::Progress;

/// Passes everything else on.
pub struct Quieter<'p>(pub &'p dyn Progress);

impl Progress for Quieter<'_> {
    fn stage(&self, name: &str, bytes_total: Option<u64>) {
        self.0.stage(name, bytes_total);
    }
    fn wants_totals(&self) -> bool {
        self.0.wants_totals()
    }
    fn expect(&self, bytes: u64) {
        self.0.expect(bytes);
    }
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }
    fn item(&self, path: &[u8]) {
        self.0.item(path);
    }
    fn notice(&self, _text: &str) {}
    fn finish(&self) {
        self.0.finish();
    }
}
