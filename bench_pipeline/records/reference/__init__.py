"""What the records say of themselves: `docs/records.md` with every key, and JSON Schemas for other
people's tools. No record is declared here."""
