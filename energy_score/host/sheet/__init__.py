"""What the cells of the models spreadsheet mean; pure functions of their text."""
