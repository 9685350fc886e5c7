"""Ingest: turns a Kinesis batch into `ReadingsAccepted` events and quarantines what cannot be accepted."""
