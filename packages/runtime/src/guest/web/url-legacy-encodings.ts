/** Stands in for `@exodus/bytes/encoding.js`: URLs in a guest are always parsed as UTF-8. */
export {}
