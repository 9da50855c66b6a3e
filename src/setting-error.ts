/** A setting that cannot be used; the message names where it came from, what was wrong and what was expected. */
export class SettingError extends Error {}
