"""The same work elsewhere: in Rust (`rust/`), in Go (`go/`), and with other Python libraries."""
