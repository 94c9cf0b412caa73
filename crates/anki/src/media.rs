//! Media names and the zips in which media files travel.
