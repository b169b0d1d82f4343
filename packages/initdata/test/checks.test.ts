import { damagedText } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { buildInitdata, checkInitdata, errorCodes, initdataFindingCodes, PLACEHOLDER_INITDATA } from '../src/index.ts';
import type { InitdataCheckOptions } from '../src/index.ts';
import { KBS_CERTIFICATE, WITHIN_VALIDITY } from './certificate.ts';

const DAY_MS = 86_400_000;
const aa = `[token_configs.kbs]\nurl = "https://kbs.example.test"\ncert = """\n${KBS_CERTIFICATE}"""\n`;
const kbc = `[kbc]\nname = "cc_kbc"\nurl = "https://kbs.example.test"\nkbs_cert = """\n${KBS_CERTIFICATE}"""\n`;
const policy = 'package agent_policy\n\ndefault ExecProcessRequest := false\n';
const good = { 'aa.toml': aa, 'cdh.toml': kbc, 'policy.rego': policy };
const reached = new Set<string>();

function build(entries: Readonly<Record<string, string>>, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return buildInitdata({ algorithm, data: new Map(Object.entries(entries)) });
}

function codesOf(document: string, options: InitdataCheckOptions = {}): readonly string[] {
  const codes = checkInitdata(document, { now: WITHIN_VALIDITY, ...options }).map(({ code }) => code);
  for (const code of codes) reached.add(code);
  return codes;
}

/** Codes for a document whose `entry` has this text, and whose other entries are fine. */
function codesWith(entry: string, text: string): readonly string[] {
  return codesOf(build({ ...good, [entry]: text }));
}

describe('checkInitdata', () => {
  it('finds nothing in a complete document', () => {
    expect(codesOf(build(good))).toEqual([]);
  });

  it('lists what makes a document unreadable under the codes of errors', () => {
    expect(codesOf('version = "1"\n[data]\n')).toEqual(
      expect.arrayContaining(['INITDATA_VERSION_UNSUPPORTED', 'INITDATA_ALGORITHM_MISSING']),
    );
    const [finding] = checkInitdata('version = \n');
    expect(finding).toMatchObject({ code: 'INITDATA_TOML_INVALID', severity: 'error', line: 1 });
  });

  it.each([
    ['INITDATA_CARRIAGE_RETURNS', build(good).replaceAll('\n', '\r\n'), {}],
    ['INITDATA_BASE64_WRAPPED', build(good), { notes: ['base64-wrapped'] }],
    ['INITDATA_GZIP_MEMBERS', build(good), { notes: ['gzip-multiple-members'] }],
    ['INITDATA_ENTRY_UNKNOWN', build({ ...good, 'cdh.tml': '' }), {}],
    ['INITDATA_AA_ABSENT', build({ 'cdh.toml': kbc, 'policy.rego': policy }), {}],
    ['INITDATA_CDH_ABSENT', build({ 'aa.toml': aa, 'policy.rego': policy }), {}],
    ['INITDATA_POLICY_ABSENT', build({ 'aa.toml': aa, 'cdh.toml': kbc }), {}],
    ['INITDATA_DIGEST_CUT', build(good, 'sha512'), {}],
    ['INITDATA_SIZE_LARGE', build({ ...good, 'policy.rego': policy + noise(36 * 1024) }), {}],
    ['INITDATA_SIZE_EXCEEDED', build({ ...good, 'policy.rego': policy + noise(50 * 1024) }), {}],
    ['CERTIFICATE_EXPIRED', build(good), { now: WITHIN_VALIDITY + 365 * DAY_MS }],
    ['CERTIFICATE_EARLY', build(good), { now: WITHIN_VALIDITY - 365 * DAY_MS }],
  ] as const)('finds %s', (code, document, options) => {
    expect(new Set(codesOf(document, options))).toEqual(new Set([code]));
  });

  it('warns of the placeholder, whose empty aa.toml configures no key broker', () => {
    expect(codesOf(PLACEHOLDER_INITDATA)).toEqual(['INITDATA_PLACEHOLDER', 'AA_KBS_ABSENT']);
  });

  it('has no user data and no PCR to think of on bare metal', () => {
    const document = build({ ...good, 'policy.rego': policy + noise(50 * 1024) }, 'sha512');
    expect(codesOf(document, { guest: 'bare-metal' })).toEqual([]);
  });

  it('does not look at the dates of certificates without a clock', () => {
    expect(checkInitdata(build(good))).toEqual([]);
  });

  it('finds private keys without repeating them', () => {
    const findings = checkInitdata(build({ ...good, 'key.pem': '-----BEGIN EC PRIVATE KEY-----\nabcdef\n' }));
    expect(findings.map(({ code }) => code)).toEqual(['INITDATA_ENTRY_UNKNOWN', 'INITDATA_PRIVATE_KEY']);
    for (const { code } of findings) reached.add(code);
    expect(JSON.stringify(findings)).not.toContain('abcdef');
  });

  it('throws nothing for damaged documents, and knows every code it answers with', () => {
    const known = new Set([...Object.keys(errorCodes), ...Object.keys(initdataFindingCodes)]);
    fc.assert(
      fc.property(damagedText(build(good)), (document) => {
        for (const { code } of checkInitdata(document)) expect(known).toContain(code);
      }),
      { numRuns: runsOf(100, 500) },
    );
  });
});

describe('checks of aa.toml', () => {
  it.each([
    ['AA_TOML_INVALID', 'url = x\n'],
    ['AA_TYPE_INVALID', 'token_configs = 1\n'],
    ['AA_TYPE_INVALID', aa.replace(/url = .*/u, 'url = 1')],
    ['AA_KBS_ABSENT', '[token_configs]\n'],
    ['AA_KBS_URL_ABSENT', '[token_configs.kbs]\n'],
    ['AA_KEY_ALGORITHM_UNKNOWN', `${aa}tee_key_algorithm = "RSA1_5"\n`],
    ['AA_EVENT_LOG_PCR', `${aa}[eventlog_config]\ninit_pcr = 8\nenable_eventlog = true\n`],
    ['INITDATA_MEMBER_UNKNOWN', `${aa}certificate = "x"\n`],
    ['KBS_URL_INVALID', '[token_configs.kbs]\nurl = "kbs.example.test:8080"\n'],
    ['KBS_URL_PLAIN', '[token_configs.kbs]\nurl = "http://kbs.example.test"\n'],
    ['KBS_CERTIFICATE_ABSENT', '[token_configs.kbs]\nurl = "https://kbs.example.test"\n'],
    ['CERTIFICATE_INVALID', '[token_configs.kbs]\nurl = "https://kbs.example.test"\ncert = "x"\n'],
    ['CERTIFICATE_INVALID', aa.replace(/MII./u, 'AAAA')],
  ])('finds %s', (code, text) => {
    expect(codesWith('aa.toml', text)).toContain(code);
  });

  it('gives line and column inside the entry', () => {
    const findings = checkInitdata(build({ ...good, 'aa.toml': 'a = 1\nb = \n' }));
    expect(findings).toContainEqual(expect.objectContaining({ entry: 'aa.toml', line: 2, code: 'AA_TOML_INVALID' }));
  });

  it('takes an event log in another PCR', () => {
    expect(codesWith('aa.toml', `${aa}[eventlog_config]\ninit_pcr = 17\nenable_eventlog = true\n`)).toEqual([]);
  });
});

describe('many findings', () => {
  it('are cut, and the cut is an error since it may hide one', () => {
    const members = Array.from({ length: 300 }, (_, index) => `x${index} = 1\n`).join('');
    const findings = checkInitdata(build({ ...good, 'aa.toml': members + aa }));
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)).toMatchObject({ code: 'INITDATA_FINDINGS_CUT', severity: 'error', entry: 'aa.toml' });
    reached.add('INITDATA_FINDINGS_CUT');
  });
});

describe('checks of cdh.toml', () => {
  const credential = (uri: string, path: string): string =>
    `[[credentials]]\nresource_uri = "${uri}"\npath = "${path}"\n${kbc}`;
  const folder = '/run/confidential-containers/cdh/kbs';
  const image = (members: string): string => `${kbc}[image]\n${members}\n`;
  const imagePolicy = (value: unknown): string => image(`image_security_policy = '''${JSON.stringify(value)}'''`);

  it.each([
    ['CDH_TOML_INVALID', 'a = [\n'],
    ['CDH_TYPE_INVALID', `socket = 1\n${kbc}`],
    ['CDH_TYPE_INVALID', `credentials = ["x"]\n${kbc}`],
    ['CDH_KBC_ABSENT', ''],
    ['CDH_KBC_ABSENT', '[kbc]\nurl = "https://kbs.example.test"\n'],
    ['CDH_KBC_UNKNOWN', kbc.replace('cc_kbc', 'online_sev_kbc')],
    ['CDH_KBS_URL_ABSENT', '[kbc]\nname = "cc_kbc"\n'],
    ['CDH_CREDENTIAL_INCOMPLETE', `[[credentials]]\npath = "${folder}/a"\n${kbc}`],
    ['CDH_CREDENTIAL_PATH', credential('kbs:///a/b/c', '/etc/passwd')],
    ['CDH_CREDENTIAL_PATH', credential('kbs:///a/b/c', `${folder}/../../x`)],
    ['KBS_URI_INVALID', credential('kbs:///a/b', `${folder}/a`)],
    ['KBS_URI_INVALID', credential('kbs:///a/../c', `${folder}/a`)],
    ['KBS_URI_INVALID', image('authenticated_registry_credentials_uri = "https://x"')],
    ['CDH_MEMBER_MISPLACED', `${kbc}socket = "unix:///x"\n`],
    ['CDH_SEALED_SECRETS_UNVERIFIED', `skip_sealed_secret_verification = true\n${kbc}`],
    ['CDH_IMAGE_POLICY_INVALID', image("image_security_policy = 'x'")],
    ['CDH_IMAGE_POLICY_INVALID', imagePolicy({})],
    ['CDH_IMAGE_POLICY_INVALID', imagePolicy({ default: [] })],
    ['CDH_IMAGE_POLICY_INVALID', imagePolicy({ default: [{ type: 'accept' }] })],
    ['CDH_IMAGE_POLICY_INVALID', imagePolicy({ default: [{ type: 'reject' }], transports: { docker: { a: {} } } })],
    ['CDH_IMAGE_POLICY_OPEN', imagePolicy({ default: [{ type: 'insecureAcceptAnything' }] })],
    [
      'CDH_IMAGE_POLICY_SHADOWED',
      `${imagePolicy({ default: [{ type: 'reject' }] })}image_security_policy_uri = "kbs:///a/b/c"\n`,
    ],
    ['CERTIFICATE_INVALID', image('extra_root_certificates = ["x"]')],
    ['KBS_URL_DIFFERS', kbc.replace('kbs.example.test', 'other.example.test')],
    ['KBS_CERTIFICATE_DIFFERS', kbc.replace(/kbs_cert[^]*/u, '')],
    ['INITDATA_MEMBER_UNKNOWN', image('image_policy = "x"')],
  ])('finds %s', (code, text) => {
    expect(codesWith('cdh.toml', text)).toContain(code);
  });

  it('takes everything that the data hub knows', () => {
    const signed = { type: 'sigstoreSigned', keyPath: 'kbs:///default/cosign/key' };
    const text = `socket = "unix:///run/x"
skip_sealed_secret_verification = false
[[credentials]]
resource_uri = "kbs:///default/credential/test"
path = "${folder}/test"
[aa]
aa_socket = "unix:///run/aa"
${kbc}
[image]
image_security_policy = '''${JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { a: [signed] } } })}'''
authenticated_registry_credentials_uri = "kbs:///default/credential/registry"
extra_root_certificates = ["""
${KBS_CERTIFICATE}"""]
max_concurrent_layer_downloads_per_image = 3
work_dir = "/run/image-rs"
[image.image_pull_proxy]
https_proxy = "http://proxy"
[image.registry_config]
unqualified-search-registries = ["docker.io"]
`;
    expect(codesWith('cdh.toml', text)).toEqual([]);
  });
});

describe('checks of policy.rego', () => {
  it.each([
    ['AGENT_POLICY_PACKAGE_MISSING', 'package policy\nx := 1\n'],
    ['AGENT_POLICY_PACKAGE_MISSING', '# package agent_policy\n'],
    ['AGENT_POLICY_PACKAGE_MISSING', 'package agent_policy.x\n'],
    ['AGENT_POLICY_PACKAGE_MISSING', ''],
    ['AGENT_POLICY_EMPTY', 'package agent_policy\n# nothing\n'],
    ['AGENT_POLICY_EXEC_ALLOWED', 'package agent_policy\ndefault ExecProcessRequest := true\n'],
    ['AGENT_POLICY_REPLACEABLE', 'package agent_policy\n  default SetPolicyRequest = true # yes\n'],
    ['AGENT_POLICY_LOGS_VISIBLE', 'package agent_policy\ndefault ReadStreamRequest := true\n'],
  ])('finds %s', (code, text) => {
    expect(codesWith('policy.rego', text)).toEqual([code]);
  });

  it('takes a package behind comments', () => {
    expect(codesWith('policy.rego', `# about\n\n${policy}`)).toEqual([]);
  });
});

describe('initdataFindingCodes', () => {
  it('has no code that these tests never saw', () => {
    // What carries a document is known to the command line alone.
    const elsewhere = new Set(['INITDATA_CARRIER_LEGACY']);
    const unseen = Object.keys(initdataFindingCodes).filter((code) => !reached.has(code) && !elsewhere.has(code));
    expect(unseen).toEqual([]);
  });
});

/** Text that does not compress below six of its eight bits, the same on every run. */
function noise(length: number): string {
  let state = 1;
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const text = Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return digits[(state >>> 16) & 63] ?? '';
  });
  return `# ${text.join('')}\n`;
}
