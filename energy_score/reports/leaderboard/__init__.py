"""The leaderboard: a static page that works from a file, a page for each model, and the data as files."""
