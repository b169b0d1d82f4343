import { deflateRawSync } from 'node:zlib';

import { concatBytes, toUtf8 } from '@holdfast/base';
import { writeAllowAll } from '@holdfast/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { inspectBundle, readBundle, readBundleFiles, readZip } from '../../src/index.ts';
import type { Bundle } from '../../src/index.ts';
import { configOf } from '../configs.ts';
import { bundleOf } from '../doctor/facts.ts';
import { digestOf, digestSetting, policyText, releaseOf } from './release.ts';

function little(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (value >>> (8 * index)) & 255);
}

interface Entry {
  readonly path: string;
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  /** What the directory says instead of the real size. */
  readonly claimedSize?: number;
}

/** A ZIP archive as other programs write it. */
function zip(entries: readonly Entry[]): Uint8Array {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const { path, content, deflate = false, claimedSize } of entries) {
    const name = toUtf8(path);
    const data = deflate ? deflateRawSync(content) : content;
    const size = little(claimedSize ?? content.length, 4);
    const common = concatBytes(
      little(0, 2),
      little(deflate ? 8 : 0, 2),
      little(0, 8),
      little(data.length, 4),
      size,
      little(name.length, 2),
      little(0, 2),
    );
    const head = concatBytes(little(0x04034b50, 4), little(20, 2), common, name, data);
    central.push(
      concatBytes(little(0x02014b50, 4), little(20, 2), little(20, 2), common, little(0, 10), little(offset, 4), name),
    );
    local.push(head);
    offset += head.length;
  }
  const directory = concatBytes(...central);
  const end = concatBytes(
    little(0x06054b50, 4),
    little(0, 4),
    little(entries.length, 2),
    little(entries.length, 2),
    little(directory.length, 4),
    little(offset, 4),
    little(0, 2),
  );
  return concatBytes(...local, directory, end);
}

const limits = { maxEntries: 10, maxBytes: 10_000 };
const manifest = (bundle: Bundle): string => `${stringify(bundle.deployment)}---\n${stringify(bundle.service)}`;

describe('acceptance 14: ZIP archives', () => {
  it('are read, stored or compressed', () => {
    const bytes = zip([
      { path: 'folder/', content: new Uint8Array() },
      { path: 'folder/a.txt', content: toUtf8('hello') },
      { path: 'b.txt', content: toUtf8('x'.repeat(5000)), deflate: true },
    ]);
    const files = readZip(bytes, limits);
    expect([...files.keys()]).toEqual(['folder/a.txt', 'b.txt']);
    expect(new TextDecoder().decode(files.get('b.txt'))).toBe('x'.repeat(5000));
  });

  it.each(['../a', 'a/../../b', '/etc/passwd', 'C:/a', 'a\\b'])('may not hold the path %s', (path) => {
    expect(() => readZip(zip([{ path, content: toUtf8('x') }]), limits)).toThrow(
      expect.objectContaining({ code: 'BUNDLE_ZIP_INVALID' }),
    );
  });

  it('may not unpack to more than they say, or to more than is allowed', () => {
    const bomb = zip([{ path: 'a', content: new Uint8Array(9000), deflate: true, claimedSize: 10 }]);
    expect(() => readZip(bomb, limits)).toThrow('damaged');
    expect(() => readZip(zip([{ path: 'a', content: new Uint8Array(20_000), deflate: true }]), limits)).toThrow(
      'larger than',
    );
  });

  it('only our errors escape, whatever the bytes', () => {
    const good = zip([{ path: 'a.txt', content: toUtf8('hello hello hello'), deflate: true }]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = Uint8Array.from(good).subarray(0, length);
        if (at < bytes.length) bytes[at] = value;
        try {
          readZip(bytes, limits);
        } catch (error) {
          expect(error).toHaveProperty('code', 'BUNDLE_ZIP_INVALID');
        }
      }),
    );
  });
});

describe('acceptance 14: reading a bundle', () => {
  const release = releaseOf();

  it('takes a manifest, a ZIP, or the files of a folder, with the published digest beside it', () => {
    const yaml = toUtf8(manifest(release));
    expect(readBundle(yaml).deployment).toEqual(release.deployment);
    const digest = digestOf(policyText());
    const archive = zip([
      { path: 'x/operator.yaml', content: yaml, deflate: true },
      { path: 'x/azure-aks-operator-digest-5.58.0.txt', content: toUtf8(`${digest}\n`) },
    ]);
    expect(readBundle(archive)).toMatchObject({ service: release.service, publishedDigest: digest });
    expect(readBundleFiles(new Map([['operator.yaml', yaml]])).publishedDigest).toBeUndefined();
  });

  it.each([
    ['anchors', 'a: &x 1\nb: *x\n'],
    ['repeated keys', 'a: 1\na: 2\n'],
    ['a document that is no object', '- 1\n'],
    ['bad YAML', 'a: [1\n'],
  ])('refuses %s', (_what, text) => {
    expect(() => readBundle(toUtf8(text))).toThrow(expect.objectContaining({ code: 'BUNDLE_MANIFEST_INVALID' }));
  });

  it('refuses several manifests, and none', () => {
    const files = new Map([
      ['a.yaml', toUtf8('a: 1')],
      ['b.yaml', toUtf8('b: 1')],
    ]);
    expect(() => readBundleFiles(files)).toThrow('2 YAML files');
    expect(() => readBundleFiles(new Map())).toThrow('no YAML file');
  });
});

describe('acceptance 14: judging a release', () => {
  const judge = (bundle: Bundle, policy = policyText()): readonly string[] =>
    inspectBundle(bundle, configOf('uid2-vn2', digestSetting(policy))).findings.map(
      ({ check, message }) => `${check} ${message}`,
    );

  it('finds nothing wrong with what was published', () => {
    expect(judge(releaseOf())).toEqual([]);
  });

  it('wants to be told which digest was published', () => {
    const findings = inspectBundle(releaseOf(), configOf('uid2-vn2')).findings;
    expect(findings.map(({ check }) => check)).toEqual(['OB-03']);
  });

  const allowAll = writeAllowAll();
  const withEnv = (text: string): string =>
    text.replace('"env":[{"name":"VAULT_NAME"', '"env":[{"name":"EXTRA","value":"1"},{"name":"VAULT_NAME"');
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['a placeholder of the release is left', 'OB-02', judge(bundleOf())],
    ['a variable was added', 'OB-01', judge(releaseOf(policyText(), withEnv))],
    ['the command was changed', 'OB-05', judge(releaseOf(policyText(), (text) => text.replace('/skr.sh', '/bin/sh')))],
    ['the policy is another one', 'OB-03', judge(releaseOf(), 'package policy')],
    ['the policy admits everything', 'OB-04', judge(releaseOf(allowAll), allowAll)],
    [
      'the policy has an unusual rule',
      'OB-04',
      judge(
        releaseOf(policyText({ rules: [{ pattern: '.*=.*', strategy: 're2', required: false }] })),
        policyText({ rules: [{ pattern: '.*=.*', strategy: 're2', required: false }] }),
      ),
    ],
    ['a variable is not admitted', 'OB-05', judge(releaseOf(policyText({ rules: [] })), policyText({ rules: [] }))],
    [
      'the policy lists no sandbox',
      'OB-05',
      judge(releaseOf(policyText({ pause: false })), policyText({ pause: false })),
    ],
    [
      'a container was added',
      'OB-01',
      judge(
        releaseOf(policyText(), (text) =>
          text.replace('"containers":[', '"containers":[{"name":"extra","image":"a:1"},'),
        ),
      ),
    ],
    [
      'the image has no version',
      'OB-05',
      judge(releaseOf(policyText(), (text) => text.replace('uid2-operator:5.58.0-azure-cc', 'uid2-operator:latest'))),
    ],
    [
      'a value was filled in',
      'OB-02',
      judge(releaseOf(policyText(), (text) => text.replace('DEPLOYMENT_ENVIRONMENT_PLACEHOLDER', 'prod'))),
    ],
    ['the policy is not a policy', 'OB-03', judge(releaseOf('hello'), 'hello')],
  ];
  it.each(cases)('finds when %s', (_what, id, findings) => {
    expect(findings.some((finding) => finding.startsWith(id))).toBe(true);
  });
});
