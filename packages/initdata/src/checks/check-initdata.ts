import { KNOWN_ENTRIES, PLACEHOLDER_INITDATA, readInitdata } from '../document.ts';
import { encodeInitdata, type InitdataEncodingNote } from '../encoding.ts';
import type { InitdataAlgorithm } from '../algorithm.ts';
import { checkAaToml } from './aa.ts';
import { checkAgentPolicy } from './agent-policy.ts';
import { checkSameBroker } from './broker.ts';
import { checkCdhToml } from './cdh.ts';
import { findingOf, findingsOf, type InitdataFinding } from './finding.ts';

export interface InitdataCheckOptions {
  /** Milliseconds since the epoch, to judge certificates by; without it their dates are not looked at. */
  readonly now?: number;
  /** `peer-pod` (the default) measures with a vTPM and travels in user data; `bare-metal` does neither. */
  readonly guest?: 'peer-pod' | 'bare-metal';
  /** What decoding noticed. */
  readonly notes?: readonly InitdataEncodingNote[];
}

const KIB = 1024;
const LARGE_CHARACTERS = 32 * KIB;
const MOST_CHARACTERS = 44 * KIB;

/**
 * Everything that is wrong or doubtful about a document: what makes it unreadable (codes of errors), then its carrier, its entries, and
 * what the guest components make of them. Nothing is thrown; a document without findings of severity `error` works.
 */
export function checkInitdata(document: string, options: InitdataCheckOptions = {}): readonly InitdataFinding[] {
  const { algorithm, data, problems } = readInitdata(document);
  const findings: InitdataFinding[] = problems.map(({ code, message, details: { line, column } }) => ({
    code,
    severity: 'error',
    message: `${message}.`,
    ...(typeof line === 'number' && typeof column === 'number' ? { line, column } : {}),
  }));
  findings.push(...carrierFindings(document, algorithm, options));
  if (problems.some(({ code }) => UNREADABLE.has(code))) return findings;
  findings.push(...entryFindings(document, data));
  checkComponents(data, options.now, findings);
  return findings;
}

const UNREADABLE: ReadonlySet<string> = new Set([
  'INITDATA_EMPTY',
  'INITDATA_TOO_LARGE',
  'INITDATA_TOML_INVALID',
  'INITDATA_DATA_MISSING',
]);

function carrierFindings(
  document: string,
  algorithm: InitdataAlgorithm | undefined,
  { guest = 'peer-pod', notes = [] }: InitdataCheckOptions,
): InitdataFinding[] {
  const findings: InitdataFinding[] = [];
  if (notes.includes('base64-wrapped')) {
    findings.push(findingOf('INITDATA_BASE64_WRAPPED', 'The Base64 has line ends in it.'));
  }
  if (notes.includes('gzip-multiple-members')) {
    findings.push(findingOf('INITDATA_GZIP_MEMBERS', 'The gzip has more than one member.'));
  }
  if (document.includes('\r')) {
    findings.push(findingOf('INITDATA_CARRIAGE_RETURNS', 'The document has carriage returns, which are measured.'));
  }
  if (guest === 'bare-metal') return findings;
  if (algorithm !== undefined && algorithm !== 'sha256') {
    findings.push(findingOf('INITDATA_DIGEST_CUT', `Of a ${algorithm} digest only the first 32 bytes are measured.`));
  }
  const { length } = encodeInitdata(document);
  if (length > MOST_CHARACTERS) {
    const message = `Encoded it has ${length} characters, and at most ${MOST_CHARACTERS} fit.`;
    findings.push(findingOf('INITDATA_SIZE_EXCEEDED', message));
  } else if (length > LARGE_CHARACTERS) {
    findings.push(findingOf('INITDATA_SIZE_LARGE', `Encoded it has ${length} characters of ${MOST_CHARACTERS}.`));
  }
  return findings;
}

function entryFindings(document: string, data: ReadonlyMap<string, string>): InitdataFinding[] {
  if (document === PLACEHOLDER_INITDATA) {
    return [findingOf('INITDATA_PLACEHOLDER', 'This is the document of pods without initdata.')];
  }
  const findings: InitdataFinding[] = [];
  for (const [entry, text] of data) {
    if (!KNOWN_ENTRIES.some((known) => known === entry)) {
      findings.push(findingOf('INITDATA_ENTRY_UNKNOWN', 'No guest component reads this entry.', { entry }));
    }
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/u.test(text)) {
      findings.push(findingOf('INITDATA_PRIVATE_KEY', 'A private key stands in this entry.', { entry }));
    }
  }
  if (!data.has('aa.toml')) findings.push(findingOf('INITDATA_AA_ABSENT', 'There is no entry aa.toml.'));
  if (!data.has('cdh.toml')) findings.push(findingOf('INITDATA_CDH_ABSENT', 'There is no entry cdh.toml.'));
  if (!data.has('policy.rego')) findings.push(findingOf('INITDATA_POLICY_ABSENT', 'There is no entry policy.rego.'));
  return findings;
}

function checkComponents(
  data: ReadonlyMap<string, string>,
  now: number | undefined,
  findings: InitdataFinding[],
): void {
  const [aaToml, cdhToml, policy] = KNOWN_ENTRIES.map((entry) => data.get(entry));
  const aa = aaToml === undefined ? undefined : checkAaToml(aaToml, now, findingsOf('aa.toml', findings));
  const cdhFindings = findingsOf('cdh.toml', findings);
  const cdh = cdhToml === undefined ? undefined : checkCdhToml(cdhToml, now, cdhFindings);
  if (aa !== undefined && cdh !== undefined) checkSameBroker(aa, cdh, cdhFindings);
  if (policy !== undefined) checkAgentPolicy(policy, findingsOf('policy.rego', findings));
}
