import { knownRules, measureCceText, profileOfData } from '@holdfast/policy';
import type { KataContainer, KataPolicyData } from '@holdfast/policy';

import { cell } from './inspection.ts';
import type { Inspection } from './inspection.ts';
import { kataDocument, kataFindings } from './predict-kata.ts';

const HEADINGS = ['CONTAINER', 'IMAGE', 'COMMAND', 'STORAGES', 'ENV', 'MOUNTS', 'EXEC', 'USER'];

/**
 * What a Kata agent policy admits.
 * @throws MalformedError KATA_POLICY_MALFORMED
 */
export function inspectKata(text: string): Inspection {
  const document = kataDocument(text);
  const rulesSha256 = document?.rulesSha256 ?? measureCceText(text).sha256;
  const known = knownRules(rulesSha256);
  const data = document?.policyData;
  const profile = known?.profile ?? (data === undefined ? undefined : profileOfData(data));
  const findings = kataFindings(text);
  return {
    facts: [
      ['profile', profile ?? 'unknown'],
      ['rules', known?.origin ?? 'of no known release'],
      ['SHA-256 of rules', rulesSha256],
    ],
    headings: HEADINGS,
    rows: (data?.containers ?? []).map(row),
    sections: data === undefined ? [] : [{ title: 'requests of the host', lines: requestLines(data) }],
    findings,
    json: { profile: profile ?? null, rulesSha256, rulesOrigin: known?.origin ?? null, policyData: data ?? null },
  };
}

function row({ OCI: oci, storages, exec_commands: exec }: KataContainer, index: number): readonly (string | number)[] {
  const annotations = oci.Annotations ?? {};
  const name = annotations['io.kubernetes.cri.container-name'] ?? (index === 0 ? 'pause' : String(index));
  return [
    cell(name, 32),
    cell(annotations['io.kubernetes.cri.image-name'] ?? '', 44),
    cell((oci.Process.Args ?? []).join(' '), 36),
    storages.length,
    (oci.Process.Env ?? []).length,
    (oci.Mounts ?? []).length,
    exec.length,
    `${oci.Process.User.UID}:${oci.Process.User.GID}`,
  ];
}

function requestLines({ request_defaults: requests }: KataPolicyData): readonly string[] {
  return Object.entries(requests).map(([name, value]) => `${name} = ${cell(JSON.stringify(value), 100)}`);
}
