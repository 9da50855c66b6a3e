/**
 * In a directory that the application owns, it may have put a link where we want to write: so we write with no more
 * rights than it has. All of it is synchronous; nothing else of this process runs meanwhile.
 */
export function asUser<T>(user: number | undefined, work: () => T): T {
  const { seteuid, setegid, setgroups, getgroups } = process;
  if (user === undefined || process.getuid?.() !== 0 || !seteuid || !setegid || !setgroups || !getgroups)
    return work();
  const groups = getgroups();
  setgroups([user]);
  setegid(user);
  seteuid(user);
  try {
    return work();
  } finally {
    seteuid(0);
    setegid(0);
    setgroups(groups);
  }
}
