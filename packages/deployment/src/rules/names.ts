/** A rule of Azure or Kubernetes for names. */
interface NameRule {
  readonly what: string;
  readonly min: number;
  readonly max: number;
  readonly pattern: RegExp;
  /** Characters that may stand somewhere in the name, to find the first one that may not. */
  readonly characters: RegExp;
  /** What the pattern says, for people. */
  readonly allowed: string;
}

const NETWORK_CHARACTERS = /[A-Za-z0-9_.-]/;
const AZURE_CHARACTERS = /[A-Za-z0-9_-]/;
const HYPHEN_CHARACTERS = /[A-Za-z0-9-]/;

/** Names as the services accept them. Where a service computes a name itself, there is no rule. */
export const nameRules = {
  resourceGroup: {
    what: 'resource group',
    min: 1,
    max: 90,
    pattern: /^[-\p{L}\p{N}._()]*[-\p{L}\p{N}_()]$/u,
    characters: /[-\p{L}\p{N}._()]/u,
    allowed: 'letters, digits and - . _ ( ), without a period at the end',
  },
  virtualNetwork: {
    what: 'virtual network',
    min: 2,
    max: 64,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9_]$/,
    characters: NETWORK_CHARACTERS,
    allowed: 'letters, digits and - . _, a letter or digit first, a letter, digit or _ last',
  },
  networkPart: {
    what: 'network resource',
    min: 1,
    max: 80,
    pattern: /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/,
    characters: NETWORK_CHARACTERS,
    allowed: 'letters, digits and - . _, a letter or digit first, a letter, digit or _ last',
  },
  cluster: {
    what: 'cluster',
    min: 1,
    max: 63,
    pattern: /^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$/,
    characters: AZURE_CHARACTERS,
    allowed: 'letters, digits and - _, a letter or digit at both ends',
  },
  nodePool: {
    what: 'node pool',
    min: 1,
    max: 12,
    pattern: /^[a-z][a-z0-9]{0,11}$/,
    characters: /[a-z0-9]/,
    allowed: 'lower-case letters and digits, a letter first',
  },
  dnsPrefix: {
    what: 'DNS prefix',
    min: 1,
    max: 54,
    pattern: /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/,
    characters: HYPHEN_CHARACTERS,
    allowed: 'letters, digits and -, a letter or digit at both ends',
  },
  identity: {
    what: 'identity',
    min: 3,
    max: 128,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/,
    characters: AZURE_CHARACTERS,
    allowed: 'letters, digits and - _, a letter or digit first',
  },
  federatedCredential: {
    what: 'federated credential',
    min: 3,
    max: 120,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/,
    characters: AZURE_CHARACTERS,
    allowed: 'letters, digits and - _, a letter or digit first',
  },
  vault: {
    what: 'key vault',
    min: 3,
    max: 24,
    pattern: /^[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]$/,
    characters: HYPHEN_CHARACTERS,
    allowed: 'letters, digits and single -, a letter first, a letter or digit last',
  },
  secret: {
    what: 'secret',
    min: 1,
    max: 127,
    pattern: /^[0-9A-Za-z-]+$/,
    characters: HYPHEN_CHARACTERS,
    allowed: 'letters, digits and -',
  },
  redis: {
    what: 'Redis',
    min: 1,
    max: 63,
    pattern: /^(?!.*--)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/,
    characters: HYPHEN_CHARACTERS,
    allowed: 'letters, digits and single -, a letter or digit at both ends',
  },
  kubernetes: {
    what: 'Kubernetes name',
    min: 1,
    max: 63,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    characters: /[-a-z0-9]/,
    allowed: 'lower-case letters, digits and -, a letter or digit at both ends',
  },
  release: {
    what: 'release',
    min: 1,
    max: 53,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    characters: /[-a-z0-9]/,
    allowed: 'lower-case letters, digits and -, a letter or digit at both ends',
  },
} as const satisfies Readonly<Record<string, NameRule>>;

export type NameKind = keyof typeof nameRules;

/** What is wrong with a name, with the offending character and its position; undefined when nothing is. */
export function nameProblem(kind: NameKind, text: string): string | undefined {
  const rule: NameRule = nameRules[kind];
  const characters = Array.from(text);
  if (characters.length < rule.min || characters.length > rule.max) {
    return `"${text}" has ${characters.length} characters; the name of a ${rule.what} has ${rule.min} to ${rule.max}`;
  }
  const at = characters.findIndex((character) => !rule.characters.test(character));
  if (at !== -1) {
    return `"${text}" holds ${JSON.stringify(characters[at])} at position ${at + 1}; the name of a ${rule.what} is ${rule.allowed}`;
  }
  return rule.pattern.test(text)
    ? undefined
    : `"${text}" is not ${rule.allowed}, as the name of a ${rule.what} must be`;
}
