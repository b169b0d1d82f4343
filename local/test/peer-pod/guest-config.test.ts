import { encodeInitdata, PLACEHOLDER_INITDATA } from '@holdfast/initdata';
import { describe, expect, it } from 'vitest';

import { readGuestConfig } from '../../src/peer-pod/guest-config.ts';
import { DOCUMENT } from './platform.ts';

function document(files: Readonly<Record<string, string>>): string {
  const entries = Object.entries(files).map(([name, content]) => `"${name}" = '''\n${content}\n'''\n`);
  return `algorithm = "sha256"\nversion = "0.1.0"\n[data]\n${entries.join('')}`;
}

const read = (files: Readonly<Record<string, string>>): ReturnType<typeof readGuestConfig> =>
  readGuestConfig({ annotation: encodeInitdata(document(files)) });

describe('readGuestConfig', () => {
  it('takes brokers, key and credentials from the files in the initdata', () => {
    const { agent, hub, policy, files } = read({
      'aa.toml':
        '[token_configs.kbs]\nurl = "https://kbs:8080"\ncert = "PEM"\ntee_key_algorithm = "RSA-OAEP-256"\n[eventlog_config]\nenable_eventlog = true\ninit_pcr = 18',
      'cdh.toml':
        'skip_sealed_secret_verification = true\n[[credentials]]\nresource_uri = "kbs:///a/b/c"\npath = "/run/confidential-containers/cdh/kbs/x"\n[kbc]\nname = "cc_kbc"\nurl = "https://kbs:8080"\nkbs_cert = "PEM"',
      'policy.rego': 'package agent_policy',
      'other.txt': 'x',
    });
    expect(agent).toEqual({
      broker: { url: 'https://kbs:8080', certificate: 'PEM' },
      keyAlgorithm: 'RSA-OAEP-256',
      eventLog: { enabled: true, register: 18 },
    });
    expect(hub).toEqual({
      broker: { url: 'https://kbs:8080', certificate: 'PEM' },
      credentials: [{ resourceUri: 'kbs:///a/b/c', path: '/run/confidential-containers/cdh/kbs/x' }],
      skipSealedSecretVerification: true,
    });
    expect(policy).toBe('package agent_policy\n');
    expect([...files.keys()]).toEqual(['aa.toml', 'cdh.toml', 'policy.rego']);
  });

  it('takes the annotation of the pod over the global value, and merges nothing', () => {
    const annotation = encodeInitdata(document({ 'aa.toml': '' }));
    const config = readGuestConfig({ annotation, global: encodeInitdata(DOCUMENT) });
    expect(config.initdata.source).toBe('annotation');
    expect(config.hub.broker).toBeUndefined();
  });

  it('takes the global value for a pod without an annotation', () => {
    const config = readGuestConfig({ global: encodeInitdata(DOCUMENT) });
    expect([config.initdata.source, config.agent.broker?.url]).toEqual(['global', 'http://kbs.example:8080']);
  });

  it('has no broker with the placeholder that a pod without initdata measures', () => {
    const config = readGuestConfig({});
    expect(config.initdata.document).toBe(PLACEHOLDER_INITDATA);
    expect([config.agent.broker, config.hub.broker, config.policy]).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['aa.toml that is no TOML', { 'aa.toml': 'token_configs =' }],
    ['a broker without an address', { 'aa.toml': '[token_configs.kbs]\ncert = "x"' }],
    ['an address of another scheme', { 'aa.toml': '[token_configs.kbs]\nurl = "ftp://kbs"' }],
    ['an unknown kind of key', { 'aa.toml': '[token_configs.kbs]\nurl = "http://k"\ntee_key_algorithm = "RSA1_5"' }],
    ['credentials without a path', { 'cdh.toml': '[[credentials]]\nresource_uri = "kbs:///a/b/c"' }],
    ['credentials outside of their folder', { 'cdh.toml': credential('/etc/passwd') }],
    ['credentials that leave their folder', { 'cdh.toml': credential('/run/confidential-containers/cdh/kbs/../x') }],
  ])('refuses %s', (_name, files) => {
    expect(() => read(files as Readonly<Record<string, string>>)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_CONFIG_INVALID' }),
    );
  });

  it('refuses a client that asks no broker', () => {
    expect(() => read({ 'cdh.toml': '[kbc]\nname = "offline_fs_kbc"' })).toThrow(
      expect.objectContaining({ code: 'PEER_POD_BROKER_CLIENT_UNSUPPORTED' }),
    );
  });

  it('refuses an annotation that cannot be read, global value or not', () => {
    expect(() => readGuestConfig({ annotation: '***', global: encodeInitdata(DOCUMENT) })).toThrow(
      expect.objectContaining({ code: 'INITDATA_BASE64_INVALID' }),
    );
  });
});

function credential(path: string): string {
  return `[[credentials]]\nresource_uri = "kbs:///a/b/c"\npath = "${path}"`;
}
