"""The models spreadsheet that ships with the program, in a checkout and in an installed package alike."""

from pathlib import Path

SHIPPED_SHEET = Path(__file__).resolve().with_name("models.csv")
