"""Test reports as tools write them: JUnit XML and CTRF JSON, told apart by their first bytes."""
