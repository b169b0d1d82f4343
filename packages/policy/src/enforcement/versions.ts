const semanticVersion =
  /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const decimal = /^\d{1,15}$/;

/** -1, 0 or 1 for two semantic versions (https://semver.org, precedence); undefined when either is none. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 | undefined {
  const left = semanticVersion.exec(a);
  const right = semanticVersion.exec(b);
  if (left === null || right === null) return undefined;
  for (let part = 1; part <= 3; part++) {
    const order = Math.sign(Number(left[part]) - Number(right[part]));
    if (order !== 0) return order < 0 ? -1 : 1;
  }
  return comparePrerelease(left[4], right[4]);
}

export function isVersion(text: string): boolean {
  return semanticVersion.test(text);
}

/** A security version number: a decimal number, or (deprecated) a semantic version. */
export type Svn =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'version'; readonly value: string };

/** Reads a fragment's SVN or an import's minimum; undefined when it is neither kind. */
export function readSvn(value: unknown): Svn | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'number', value };
  if (typeof value !== 'string') return undefined;
  if (decimal.test(value)) return { kind: 'number', value: Number(value) };
  return isVersion(value) ? { kind: 'version', value } : undefined;
}

/** Negative, zero or positive; undefined when the kinds differ. */
export function compareSvn(a: Svn, b: Svn): number | undefined {
  if (a.kind === 'number' && b.kind === 'number') return a.value - b.value;
  if (a.kind === 'version' && b.kind === 'version') return compareVersions(a.value, b.value);
  return undefined;
}

function comparePrerelease(a: string | undefined, b: string | undefined): -1 | 0 | 1 {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const left = a.split('.');
  const right = b.split('.');
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const order = compareIdentifiers(left[index], right[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): -1 | 0 | 1 {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const numeric = [decimal.test(a), decimal.test(b)] as const;
  if (numeric[0] && numeric[1]) return Number(a) < Number(b) ? -1 : 1;
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
  return a < b ? -1 : 1;
}
