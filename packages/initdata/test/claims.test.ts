import { describe, expect, it } from 'vitest';

import { buildInitdata, initdataClaims } from '../src/index.ts';

function claims(entries: Readonly<Record<string, string>>): unknown {
  return initdataClaims(buildInitdata({ data: new Map(Object.entries(entries)) }));
}

describe('initdataClaims', () => {
  it('turns the TOML entries into JSON and leaves other entries as text', () => {
    expect(claims({ 'aa.toml': '[token_configs.kbs]\nurl = "https://a"\n', 'x.toml': 'a = 1\n' })).toEqual({
      'aa.toml': { token_configs: { kbs: { url: 'https://a' } } },
      'x.toml': 'a = 1\n',
    });
  });

  it('leaves as text what is no TOML, or has no form in JSON', () => {
    for (const text of ['a = ', 'a = 99999999999999999', 'a = nan']) {
      expect(claims({ 'cdh.toml': text })).toEqual({ 'cdh.toml': text });
    }
  });

  it('replaces a policy by its data where it ends with them', () => {
    const policy = 'package agent_policy\n\npolicy_data := {\n  "containers": [{"uid": 1}]\n}\n';
    expect(claims({ 'policy.rego': policy })).toEqual({ agent_policy_claims: { containers: [{ uid: 1 }] } });
    const followed = `${policy}\nallow := true\n`;
    expect(claims({ 'policy.rego': followed })).toEqual({ 'policy.rego': followed });
  });
});
