/** What a registry wants to see before it answers. */
export type Challenge =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string };

const MAX_HEADER_LENGTH = 8192;
const TOKEN = /[!#$%&'*+.^`|~\w-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BLANKS = /[\s,]*/y;

/**
 * Reads a `WWW-Authenticate` header (RFC 9110 section 11.6.1): Bearer where offered, else Basic, else undefined.
 * @see OCI Distribution, "Token Authentication Specification"
 */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > MAX_HEADER_LENGTH) return undefined;
  const challenges = splitChallenges(header);
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm');
    if (scheme !== 'bearer' || realm === undefined) continue;
    const service = parameters.get('service');
    const scope = parameters.get('scope');
    return {
      kind: 'bearer',
      realm,
      ...(service === undefined ? {} : { service }),
      ...(scope === undefined ? {} : { scope }),
    };
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

interface RawChallenge {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

/** Schemes and parameters are both separated by commas: a word without an equals sign after it starts the next scheme. */
function splitChallenges(header: string): RawChallenge[] {
  const challenges: RawChallenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(BLANKS);
    const word = take(TOKEN)?.[0];
    if (word === undefined) return challenges;
    if (header[at] !== '=') {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      continue;
    }
    at += 1;
    const value = take(QUOTED)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? take(TOKEN)?.[0];
    if (value === undefined) return challenges;
    challenges.at(-1)?.parameters.set(word.toLowerCase(), value);
  }
}
