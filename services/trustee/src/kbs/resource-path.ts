const SEGMENT = /^[A-Za-z0-9_-]+[A-Za-z0-9_.-]*$/;

/** The three segments of `repository/type/tag`, or undefined when a path is none. A segment begins with no dot. */
export function parseResourcePath(path: string): readonly [string, string, string] | undefined {
  const [repository, type, tag, ...rest] = path.split('/');
  if (repository === undefined || type === undefined || tag === undefined || rest.length > 0) return undefined;
  return [repository, type, tag].every((segment) => SEGMENT.test(segment)) ? [repository, type, tag] : undefined;
}
