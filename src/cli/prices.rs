//! What a provider asks for, and what that makes of requests and bytes.

use crate::store::tally::Traffic;

/// Prices; `None`: nobody said. Gigabytes are decimal, months have 30 days.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// As it is shown, such as EUR.
    pub currency: Option<String>,
    pub stored_per_gb_month: Option<f64>,
    pub egress_per_gb: Option<f64>,
    /// Of a thousand requests that store an object.
    pub put_per_1000: Option<f64>,
    /// Of a thousand that fetch or look at one.
    pub get_per_1000: Option<f64>,
    /// Of a thousand pages of a listing.
    pub list_per_1000: Option<f64>,
    /// What is deleted sooner is paid for until then.
    pub minimum_storage_days: Option<u32>,
}

/// Money that is spent at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bill {
    pub requests: f64,
    pub egress: f64,
    pub early_deletion: f64,
    /// Prices that would be needed to say all, and were not given.
    pub unknown: Vec<&'static str>,
}

impl Bill {
    pub fn total(&self) -> f64 {
        self.requests + self.egress + self.early_deletion
    }
}

impl Prices {
    /// The prices, each with its key.
    pub fn amounts(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("stored_per_gb_month", self.stored_per_gb_month),
            ("egress_per_gb", self.egress_per_gb),
            ("put_per_1000", self.put_per_1000),
            ("get_per_1000", self.get_per_1000),
            ("list_per_1000", self.list_per_1000),
        ]
    }

    /// Whether anything has a price.
    pub fn is_any(&self) -> bool {
        self.amounts().iter().any(|(_, price)| price.is_some())
    }

    /// What so much traffic costs, and the deletion of bytes that are paid for a while longer.
    pub fn bill(&self, traffic: &Traffic, early_byte_seconds: u128) -> Bill {
        let mut unknown = Vec::new();
        let mut cost = |key, price: Option<f64>, amount: f64| match price {
            Some(price) => price * amount,
            None if amount > 0.0 => {
                unknown.push(key);
                0.0
            }
            None => 0.0,
        };
        // Sums far below 2^53.
        let thousands = |requests: u64| requests as f64 / 1e3;
        let requests = cost("put_per_1000", self.put_per_1000, thousands(traffic.put))
            + cost(
                "get_per_1000",
                self.get_per_1000,
                thousands(traffic.get + traffic.head),
            )
            + cost("list_per_1000", self.list_per_1000, thousands(traffic.list));
        let gigabytes = traffic.bytes_down as f64 / 1e9;
        let egress = cost("egress_per_gb", self.egress_per_gb, gigabytes);
        let gb_months = early_byte_seconds as f64 / 1e9 / (30.0 * 86_400.0);
        let price = self.stored_per_gb_month;
        let early_deletion = cost("stored_per_gb_month", price, gb_months);
        Bill {
            requests,
            egress,
            early_deletion,
            unknown,
        }
    }

    /// What so many bytes cost while they are stored.
    pub fn month(&self, bytes: u64) -> Option<f64> {
        self.stored_per_gb_month
            .map(|price| price * bytes as f64 / 1e9)
    }

    /// An amount of money, in words: two digits, more where it is little.
    pub fn shown(&self, amount: f64) -> String {
        let number = match amount {
            0.0 => "0.00".to_owned(),
            tiny if tiny < 0.0001 => "less than 0.0001".to_owned(),
            little if little < 0.1 => format!("{little:.4}"),
            amount => format!("{amount:.2}"),
        };
        match &self.currency {
            Some(currency) => format!("{number} {}", super::show::harmless(currency.as_bytes())),
            None => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_says_what_it_does_not_know() {
        let prices = Prices {
            currency: Some("EUR".to_owned()),
            egress_per_gb: Some(0.01),
            put_per_1000: Some(0.005),
            stored_per_gb_month: Some(0.006),
            ..Prices::default()
        };
        let traffic = Traffic {
            put: 2000,
            get: 10,
            bytes_down: 5_000_000_000,
            ..Traffic::default()
        };
        // A gigabyte that is paid for ten days more.
        let bill = prices.bill(&traffic, 1_000_000_000 * 10 * 86_400);
        assert_eq!(bill.unknown, ["get_per_1000"]);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(bill.requests, 0.01) && near(bill.egress, 0.05));
        assert!(near(bill.early_deletion, 0.002) && near(bill.total(), 0.062));
        assert_eq!(prices.shown(bill.total()), "0.0620 EUR");
        assert_eq!(prices.shown(12.345), "12.35 EUR");
        assert_eq!(Prices::default().shown(0.000_01), "less than 0.0001");
        assert!(near(prices.month(2_000_000_000).unwrap(), 0.012));
    }
}
