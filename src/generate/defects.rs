//! The list of a domain's injected defects.

/// An enumeration `Defect` with the name that manifests give each, and its rate.
macro_rules! defects {
    ($(#[$about:meta])* pub enum Defect { $($(#[$meaning:meta])* $defect:ident = $name:literal, $rate:literal;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Defect {
            $($(#[$meaning])* $defect,)+
        }

        impl Defect {
            /// Names and rates, in the order of the list.
            pub const ALL: [(&'static str, f64); [$($rate),+].len()] = [$(($name, $rate)),+];

            pub fn rate(self) -> f64 {
                Self::ALL[self as usize].1
            }
        }
    };
}

pub(super) use defects;
