"""What goes in and out of the API. Input refuses fields it does not know; output has no defaults: what is, is said."""
