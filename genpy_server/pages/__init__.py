"""The pages a browser sees: plain HTML, CSS and modules, served as they lie here."""
