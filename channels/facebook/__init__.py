"""Facebook: messages of a Page to people who wrote to it, over the Graph API."""
