/** Those who read initdata, from the pod's annotation to the processes in the guest. */
export type InitdataConsumer = 'goShim' | 'adaptorAndGuest' | 'rustShim' | 'holdfast';

export interface InitdataFailure {
  /** The code of the error or finding that says so here. */
  readonly code: string;
  readonly input: string;
  /** What each consumer does with such an input, a sentence each. */
  readonly behaviour: Readonly<Record<InitdataConsumer, string>>;
}

/** What people call the consumers. */
export const CONSUMER_NAMES: Readonly<Record<InitdataConsumer, string>> = {
  goShim: 'Kata runtime (Go)',
  adaptorAndGuest: 'cloud API adaptor and peer-pod guest',
  rustShim: 'Kata runtime (Rust) and bare-metal agent',
  holdfast: 'holdfast',
};

const STAGE = 'The pod is not created.';
const ADAPTOR_STAGE = 'As INITDATA the adaptor does not start; in the guest the pod does not.';

const FAILURES: readonly InitdataFailure[] = [
  failure(
    'INITDATA_EMPTY',
    'an empty value',
    'Ignored, as if absent.',
    'The global value, or else the placeholder.',
    'Ignored, as if absent.',
  ),
  failure('INITDATA_BASE64_INVALID', 'a value that is not Base64', STAGE, ADAPTOR_STAGE, STAGE),
  failure('INITDATA_GZIP_INVALID', 'Base64 of something that is not a gzip', STAGE, ADAPTOR_STAGE, STAGE),
  failure('INITDATA_TEXT_INVALID', 'a gzip of something that is not UTF-8', STAGE, ADAPTOR_STAGE, STAGE),
  failure('INITDATA_TOML_INVALID', 'a gzip of something that is not TOML', STAGE, ADAPTOR_STAGE, STAGE),
  failure(
    'INITDATA_TOO_LARGE',
    'a document beyond all use, or a gzip bomb',
    'Expanded into memory.',
    'Expanded into memory.',
    'Expanded into memory.',
  ),
  failure(
    'INITDATA_ALGORITHM_UNSUPPORTED',
    'an unknown algorithm',
    'There is no digest, and the runtime crashes.',
    'Refused: the algorithm is not supported.',
    'Refused.',
  ),
  failure(
    'INITDATA_ALGORITHM_MISSING',
    'no algorithm',
    'There is no digest, and the runtime crashes.',
    'Refused: the algorithm has no name.',
    'Refused.',
  ),
  failure('INITDATA_VERSION_UNSUPPORTED', 'a version other than 0.1.0', 'Accepted.', 'Accepted.', 'Refused.'),
  failure('INITDATA_VERSION_MISSING', 'no version', 'Accepted.', 'Accepted.', 'Refused.'),
  failure('INITDATA_DATA_MISSING', 'no table [data]', 'Accepted.', 'Accepted.', 'Refused.'),
  failure(
    'INITDATA_ENTRY_INVALID',
    'an entry that is not text',
    'The pod is not created: a TOML type error.',
    ADAPTOR_STAGE,
    'Refused.',
  ),
  failure(
    'INITDATA_ENTRY_UNKNOWN',
    'an entry that no component reads',
    'Passed on.',
    'Skipped, with a line in the log.',
    'Ignored.',
    'A warning.',
  ),
  failure(
    'AA_TOML_INVALID',
    'a broken aa.toml',
    'The pod starts; the attestation agent does not.',
    'The pod starts; the attestation agent does not.',
    'The attestation agent does not start.',
  ),
  failure(
    'CDH_TOML_INVALID',
    'a broken cdh.toml',
    'The pod starts; the data hub does not.',
    'The pod starts; the data hub does not.',
    'The data hub does not start.',
  ),
  failure(
    'AGENT_POLICY_PACKAGE_MISSING',
    'a policy.rego that is not of package agent_policy',
    'The agent refuses every request.',
    'The agent refuses every request.',
    'The agent refuses every request.',
  ),
  failure(
    'INITDATA_CARRIAGE_RETURNS',
    'line ends of two characters',
    'Another digest.',
    'Another digest.',
    'Another digest.',
    'A warning.',
  ),
  failure('INITDATA_BASE64_WRAPPED', 'Base64 with line ends in it', 'Accepted.', 'Accepted.', 'Refused.', 'A warning.'),
];

function failure(
  code: string,
  input: string,
  goShim: string,
  adaptorAndGuest: string,
  rustShim: string,
  holdfast = 'Refused.',
): InitdataFailure {
  return { code, input, behaviour: { goShim, adaptorAndGuest, rustShim, holdfast } };
}

/** Inputs that go wrong, and where: consumers are not equally strict, and some fail long after the pod was accepted. */
export const initdataFailures: readonly InitdataFailure[] = FAILURES;

/** What each consumer does with an input that has this error or finding here; undefined for a code that only this package knows. */
export function explainInitdataFailure(code: string): InitdataFailure | undefined {
  return FAILURES.find((candidate) => candidate.code === code);
}
