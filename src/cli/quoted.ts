/** One word of a POSIX shell. */
export const quoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
