"""The books of trust: pure economy, storage, posting, reading and proof. Knows no HTTP and no scheduler."""
