import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  amdRoots,
  canonicalJson,
  commonName,
  parseCertificates,
  parseJson,
  trustStatus,
  trustTier,
} from '@holdfast/attestation';
import type { Certificate, JsonObject, JsonValue } from '@holdfast/attestation';
import { fromHex, toHex } from '@holdfast/base';
import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { appraise } from '../src/appraisal/appraise.ts';
import { expectedReportData } from '../src/appraisal/attestation-service.ts';
import { CompiledPolicy, PolicyStore } from '../src/appraisal/policy-store.ts';
import { createAdministrators } from '../src/kbs/administrators.ts';
import { encryptResource } from '../src/kbs/jwe.ts';
import { parseResourcePath } from '../src/kbs/resource-path.ts';
import { parseTeePublicKey } from '../src/kbs/tee-public-key.ts';
import { checkEndorsement, keyOfJwk } from '../src/kbs/token-verifier.ts';
import { defaultAttestationPolicies } from '../src/policies/attestation-policies.ts';
import {
  affirmingResourcePolicy,
  allowAllResourcePolicy,
  defaultResourcePolicy,
  denyAllResourcePolicy,
} from '../src/policies/resource-policies.ts';
import { createReferenceValues } from '../src/reference-values/reference-value-service.ts';
import { createMemoryStore } from '../src/storage/key-value-store.ts';
import { createAzureSnpVtpmVerifier } from '../src/verifiers/azure-snp-vtpm.ts';
import { createSampleVerifier } from '../src/verifiers/sample.ts';
import { createSnpCertificates } from '../src/verifiers/snp-certificates.ts';
import { rebuildSnpReport } from '../src/verifiers/snp-report.ts';
import { createSnpTrust } from '../src/verifiers/snp-trust.ts';
import { createSnpVerifier } from '../src/verifiers/snp.ts';
import { adminToken, createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { clientAad, Guest, openReply } from './guest.ts';

/* eslint-disable-next-line typescript/no-explicit-any -- vectors are read as they are */
type Vector = { readonly id: string; readonly input: Record<string, any>; readonly expect: Record<string, any> };

const groups = (loadVectors('trustee.json') as { groups: Record<string, readonly Vector[]> } | undefined)?.groups;
const group = (name: string): (readonly [string, Vector])[] => (groups?.[name] ?? []).map((item) => [item.id, item]);
const byId = (name: string, id: string): Vector => {
  const found = groups?.[name]?.find((item) => item.id === id);
  if (found === undefined) throw new Error(`no vector ${id}`);
  return found;
};
const none = { reportData: undefined, initDataHash: undefined };

describe.skipIf(groups === undefined)('the known answers of trustee.json', () => {
  it.each(group('report_data'))('report_data %s', (_, { input, expect: wanted }) => {
    if (input['raw_runtime_data_utf8'] !== undefined) {
      const raw = new Uint8Array(Buffer.from(input['raw_runtime_data_utf8'] as string));
      expect(toHex(expectedReportData({ raw }))).toBe(wanted['expected_report_data_hex']);
      return;
    }
    const structured = input['runtime_data'] as JsonValue;
    expect(canonicalJson(structured)).toBe(wanted['canonical']);
    expect(toHex(expectedReportData({ structured, hash: input['hash'] as 'sha384' }))).toBe(wanted['digest_hex']);
  });

  it('jwe jwe-ecdh-p256: every byte of the reply', () => {
    const { input, expect: wanted } = byId('jwe', 'jwe-ecdh-p256');
    const recipient = parseTeePublicKey(publicPart(input['recipient_private_jwk'] as JsonObject));
    const protectedHeader = JSON.parse(wanted['protected_json'] as string) as { epk: Record<string, string> };
    const ephemeral = createPrivateKey({
      key: { ...protectedHeader.epk, d: input['ephemeral_private_d'] as string },
      format: 'jwk',
    });
    const random = (length: number): Uint8Array => fromHex(input[length === 32 ? 'cek_hex' : 'iv_hex'] as string);
    const plaintext = new Uint8Array(Buffer.from(input['plaintext_utf8'] as string));
    expect(encryptResource(plaintext, recipient, { random, ephemeral: () => ephemeral })).toEqual(wanted['response']);
  });

  it('jwe jwe-aad-fake: what a client authenticates is the protected header written again', () => {
    const { input, expect: wanted } = byId('jwe', 'jwe-aad-fake');
    expect(clientAad(input['protected'] as { alg: string; enc: string })).toBe(wanted['aad_ascii']);
  });

  it('jwe jwe-rsa-oaep-256: the reply opens, and ours has the same header', () => {
    const { input, expect: wanted } = byId('jwe', 'jwe-rsa-oaep-256');
    const jwk = input['recipient_private_jwk'] as Record<string, string>;
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    const reply = input['response'] as Record<string, string>;
    expect(openReply(reply, key)).toBe(wanted['plaintext_utf8']);
    const recipient = parseTeePublicKey(publicPart(jwk));
    const ours = encryptResource(new Uint8Array(3), recipient, { random: (length) => new Uint8Array(length) });
    expect(ours.protected).toBe(reply['protected']);
  });

  it.each(group('sample'))('sample %s', async (_, { input, expect: wanted }) => {
    const isDevice = input['tee'] === 'sampledevice';
    const verify = createSampleVerifier(isDevice ? 'gpu' : 'cpu');
    const expected = input['expected_report_data_hex'] as string | undefined;
    const initHash = input['init_data_sha256_hex'] as string | undefined;
    const verified = await verify(input['evidence'] as JsonValue, {
      reportData: expected === undefined ? undefined : fromHex(expected),
      initDataHash: initHash === undefined ? undefined : fromHex(initHash),
    });
    if (wanted['claims'] !== undefined) {
      expect({ ...verified.claims, report_data: verified.reportData }).toEqual(wanted['claims']);
    }
    if (wanted['annotated_evidence.init_data'] !== undefined) {
      expect(verified.initData).toBe(wanted['annotated_evidence.init_data']);
    }
    if (wanted['tee_class'] !== undefined) expect(verified.teeClass).toBe(wanted['tee_class']);
  });

  it.each(group('ear').filter(([, { input }]) => input['evidence_claims'] !== undefined))(
    'ear %s',
    async (_, { input, expect: wanted }) => {
      const {
        appraisal: { vector },
      } = await appraiseWith(
        defaultAttestationPolicies['default_cpu.rego'] ?? '',
        input['evidence_claims'] as JsonObject,
        input['reference_values'] as Record<string, unknown>,
      );
      expect(vector).toEqual(wanted['vector']);
      expect(trustStatus(vector)).toBe(wanted['status']);
    },
  );

  it('ear ear-policy-sets-nothing', async () => {
    const {
      appraisal: { vector },
    } = await appraiseWith('package policy\n', {}, {});
    expect(Object.values(vector)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(trustStatus(vector)).toBe('none');
  });

  it.each(group('ear_tier'))('ear_tier %s', (_, { input, expect: wanted }) => {
    expect(trustTier(input['value'] as number)).toBe(wanted['tier']);
  });

  it.each(group('resource_path'))('resource_path %s', (_, { input, expect: wanted }) => {
    expect(parseResourcePath(input['path'] as string) !== undefined).toBe(wanted['valid']);
  });

  it.each(group('resource_policy'))('resource_policy %s', (_, { input, expect: wanted }) => {
    const texts: Record<string, string> = {
      default: defaultResourcePolicy,
      allow_all: allowAllResourcePolicy,
      deny_all: denyAllResourcePolicy,
      affirming: affirmingResourcePolicy,
    };
    const { engine } = new CompiledPolicy('p', texts[input['policy'] as string] ?? '');
    expect(engine.query('data.policy.allow', { input: input['input'], data: input['data'] })).toBe(wanted['allow']);
  });

  it.each(group('admin_acl'))('admin_acl %s', async (_, { input, expect: wanted }) => {
    const material = createMaterial();
    try {
      const acls = input['acls'] as { role: string; allowed_endpoints: string }[];
      const rules = acls.map((acl) => ({ role: acl.role, allowedEndpoints: acl.allowed_endpoints }));
      const providers = [
        { issuer: undefined, audience: undefined, keys: [{ key: createPublicKey(material.adminKey) }] },
      ];
      const now = Date.UTC(2026, 10, 22);
      const administrators = createAdministrators(providers, rules, () => now);
      const token = adminToken(material.adminKey, input['role'] as string, now);
      const outcome = administrators.authorize(`Bearer ${token}`, input['uri'] as string);
      if (wanted['allowed'] === true) expect(await outcome).toBe(input['role']);
      else await expect(outcome).rejects.toMatchObject({ code: 'TRUSTEE_ADMIN_REFUSED' });
    } finally {
      material.remove();
    }
  });

  it.each(group('jwk_endorsement').filter(([, { input }]) => input['ref'] === undefined))(
    'jwk_endorsement %s',
    (_, { input, expect: wanted }) => {
      const jwk = input['jwk'] as JsonObject;
      const trusted = parseCertificates(input['trusted_pem'] as string).map(({ der }) => new X509Certificate(der));
      const check = (): void => checkEndorsement(jwk, keyOfJwk(jwk).key, trusted, Date.UTC(2026, 10, 22));
      if (wanted['accepted'] === true) expect(check).not.toThrow();
      else expect(check).toThrow(expect.objectContaining({ code: 'TRUSTEE_TOKEN_REFUSED' }));
    },
  );

  it.each(group('rvps').filter(([, { input }]) => input['message'] !== undefined || input['stored'] !== undefined))(
    'rvps %s',
    async (_, { input, expect: wanted }) => {
      const store = createMemoryStore();
      const now = Date.parse((input['now'] as string | undefined) ?? '2026-11-22T00:00:00Z');
      const service = createReferenceValues({ store, clock: () => now, enforceExpiration: false });
      if (input['stored'] !== undefined) {
        await store.set(input['query'] as string, new Uint8Array(Buffer.from(JSON.stringify(input['stored']))));
        expect(await service.query(input['query'] as string)).toEqual(wanted['value']);
        const strict = createReferenceValues({ store, clock: () => now, enforceExpiration: true });
        expect(await strict.query(input['query'] as string)).toBeUndefined();
        return;
      }
      if (wanted['error_contains'] !== undefined) {
        await expect(service.register(input['message'] as JsonValue)).rejects.toThrow(
          wanted['error_contains'] as string,
        );
        return;
      }
      await service.register(input['message'] as JsonValue);
      for (const [name, stored] of Object.entries(wanted['stored'] as Record<string, unknown>)) {
        expect(JSON.parse(Buffer.from((await store.get(name)) ?? []).toString())).toEqual(stored);
      }
    },
  );
});

describe.skipIf(groups === undefined)('the refusals of trustee.json', () => {
  let material: Material;
  let broker: Broker;
  beforeAll(async () => {
    material = createMaterial();
    broker = await openBroker(material);
  });
  afterAll(() => material.remove());

  const attested = async (): Promise<Guest> => {
    const guest = new Guest(broker.app);
    await guest.auth();
    await guest.attest();
    return guest;
  };
  const requests: Record<string, () => Promise<{ statusCode: number; json(): unknown }>> = {
    'err-1': () => new Guest(broker.app).get('resource/default/test/1'),
    'err-2': () => new Guest(broker.app).get('nosuch/a/b'),
    'err-3': async () => {
      await broker.setResourcePolicy(allowAllResourcePolicy);
      return (await attested()).get('resource/default/test/nothing');
    },
    'err-4': async () => {
      await broker.setResourcePolicy(denyAllResourcePolicy);
      return (await attested()).get('resource/default/test/1');
    },
    'err-6': async () => {
      const guest = new Guest(broker.app);
      await guest.auth();
      guest.cookie = `kbs-session-id=${'0'.repeat(32)}`;
      return guest.attest();
    },
    'err-8': () => broker.app.inject({ method: 'POST', url: '/kbs/v0/resource-policy', payload: '{}' }),
  };

  it.each(group('errors'))('errors %s', async (id, { expect: wanted }) => {
    const answer = await requests[id]?.();
    if (answer === undefined) throw new Error(`no request for ${id}`);
    const { type, detail } = answer.json() as { type: string; detail: string };
    expect([answer.statusCode, type]).toEqual([wanted['status'], wanted['type']]);
    const text = wanted['detail'] as string;
    if (text.endsWith(' (starts with)')) expect(detail.startsWith(text.replace(' (starts with)', ''))).toBe(true);
    else expect(detail).toBe(text);
  });
});

const amdCertificates = knownIssuers();

describe.skipIf(groups === undefined || amdCertificates.length === 0)('evidence of real hardware', () => {
  const now = Date.UTC(2026, 7, 22);
  const trust = createSnpTrust({ roots: amdRoots, issuers: amdCertificates, allowedCspIds: [], clock: () => now });
  const client = { send: () => Promise.reject(new Error('no network in tests')) };
  const certificates = createSnpCertificates({ sources: [], issuers: amdCertificates, client, clock: () => now });

  it('snp snp-e2e-genoa-v3', async () => {
    const { input, expect: wanted } = byId('snp', 'snp-e2e-genoa-v3');
    const evidence = input['evidence'] as JsonObject;
    const report = rebuildSnpReport(evidence['attestation_report'] as JsonObject);
    expect(createHash('sha256').update(report).digest('hex')).toBe(wanted['report_sha256']);
    const verified = await createSnpVerifier(trust, certificates)(evidence, none);
    const { reportData: report_data, initData: init_data, claims } = verified;
    expect({ ...claims, report_data, init_data }).toEqual(wanted['claims']);
  });

  it('snp snp-e2e-tampered', async () => {
    const evidence = structuredClone(byId('snp', 'snp-e2e-genoa-v3').input['evidence']) as {
      attestation_report: { measurement: number[] };
    };
    const { measurement } = evidence.attestation_report;
    measurement[0] = (measurement[0] ?? 0) ^ 1;
    await expect(createSnpVerifier(trust, certificates)(evidence, none)).rejects.toMatchObject({
      code: 'SNP_SIGNATURE_INVALID',
    });
  });

  it('az_snp azsnp-evidence-v2', async () => {
    const { input, expect: wanted } = byId('az_snp', 'azsnp-evidence-v2');
    const verify = createAzureSnpVtpmVerifier(trust, certificates);
    const reportData = fromHex(wanted['quote_extra_data_hex'] as string);
    const evidence = parseJson(JSON.stringify(input['evidence']), 'X');
    const verified = await verify(evidence, { reportData, initDataHash: undefined });
    expect(verified.claims).toMatchObject(withoutTop(wanted['claims'] as Record<string, unknown>));
    expect(verified.initData).toBe(wanted['pcr08']);
    expect(verified.claims['tpm']).toMatchObject({ pcr00: wanted['pcr00'], pcr08: wanted['pcr08'] });
    expect(verified.reportData).toBe(wanted['quote_extra_data_hex']);
  });

  it('az_snp azsnp-initdata-mismatch', async () => {
    const { input } = byId('az_snp', 'azsnp-initdata-mismatch');
    const base = byId('az_snp', 'azsnp-evidence-v2');
    const verify = createAzureSnpVtpmVerifier(trust, certificates);
    const expected = {
      reportData: fromHex(base.expect['quote_extra_data_hex'] as string),
      initDataHash: fromHex(input['init_data_digest_hex'] as string),
    };
    await expect(verify(base.input['evidence'] as JsonValue, expected)).rejects.toMatchObject({
      code: 'VTPM_INIT_DATA_MISMATCH',
    });
  });
});

function withoutTop(claims: Record<string, unknown>): Record<string, unknown> {
  const hardware = Object.entries(claims).filter(([name]) => !/^(?:report_data|init_data|tpm\..*)$/.test(name));
  return Object.fromEntries(hardware);
}

function publicPart(jwk: JsonObject): JsonObject {
  const kept = Object.entries(jwk).filter(([name]) => ['kty', 'crv', 'alg', 'x', 'y', 'n', 'e'].includes(name));
  return Object.fromEntries(kept);
}

async function appraiseWith(policy: string, evidence: JsonObject, values: Record<string, unknown>) {
  const policies = new PolicyStore(createMemoryStore());
  await policies.put('default_cpu.rego', policy);
  const references = createReferenceValues({ store: createMemoryStore(), clock: () => 0, enforceExpiration: false });
  const payload = Buffer.from(JSON.stringify(values)).toString('base64');
  await references.register({ version: '0.1.0', type: 'sample', payload });
  return appraise(policies, references, { policyId: 'default', teeClass: 'cpu', evidence });
}

/** ASK and ARK certificates among the recorded evidence. */
function knownIssuers(): readonly Certificate[] {
  const folder = vectorsFolder();
  const snp = folder === undefined ? '' : join(folder, 'snp');
  if (!existsSync(snp)) return [];
  const found: Certificate[] = [];
  for (const entry of readdirSync(snp, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(?:pem|der|crt|cer)$/.test(entry)) continue;
    try {
      const file = readFileSync(join(snp, entry));
      const text = file.toString('utf8');
      found.push(...parseCertificates(text.startsWith('-----') ? text : new Uint8Array(file)));
    } catch {
      // Not every file there is a certificate.
    }
  }
  const seen = new Set<string>();
  return found.filter((certificate) => {
    const key = toHex(certificate.der);
    if (seen.has(key) || !/^(?:ARK|SEV)-(?:Milan|Genoa|Turin)$/.test(commonName(certificate.subject) ?? ''))
      return false;
    seen.add(key);
    return true;
  });
}
