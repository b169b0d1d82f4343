import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LocalCloud } from '../../src/up/start-local-cloud.ts';
import { freePortBase } from '../../testing/free-port-base.ts';
import { openIdentityCloud, startScriptCloud } from '../../testing/identity-cloud.ts';
import type { IdentityCloud } from '../../testing/identity-cloud.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

// What the SDKs make of all this is asked by testing/sdk/identity.test.ts: they take seconds to load.
describe('identities of pods in the local cloud', { timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let cloud: LocalCloud;
  let portBase: number;
  let azure: IdentityCloud;

  beforeAll(async () => {
    folder = await temporaryFolder();
    portBase = await freePortBase(11);
    cloud = await startScriptCloud(folder.path, portBase);
    azure = await openIdentityCloud(cloud);
  }, 120_000);
  afterAll(async () => {
    await azure.close();
    await cloud.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** What a pod with the label and a service account hears from a vault. */
  const askAs = async (name: string, serviceAccount: string, vault: string): Promise<unknown> =>
    azure.runScript(name, { ...LABELLED, serviceAccount }, askVault(vault));

  it('tells the issuer of a cluster, which publishes its documents to everybody', async () => {
    const properties = await azure.makeCluster({ workloadIdentity: true });
    expect(properties.issuerURL).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
    const configuration = (await azure.anonymous(`${properties.issuerURL}.well-known/openid-configuration`)) as {
      issuer: string;
      jwks_uri: string;
    };
    expect(configuration.issuer).toBe(properties.issuerURL);
    expect(await azure.anonymous(configuration.jwks_uri)).toMatchObject({ keys: [{ alg: 'RS256' }] });
  });

  it('lets a pod with the label act as the managed identity that trusts its service account', async () => {
    const { issuerURL } = await azure.makeCluster({ workloadIdentity: true });
    const trust = { issuer: issuerURL, subject: 'system:serviceaccount:default:app' };
    const identity = await azure.makeIdentity('workload', trust);
    await azure.makeVault('first-vault', [identity.principalId], { greeting: 'hello' });
    await azure.makeVault('other-vault', [], { greeting: 'hello' });
    await azure.makeServiceAccount('app', identity.clientId);
    expect(await askAs('reader', 'app', 'first-vault')).toEqual({ status: 200, value: 'hello' });
    expect(await askAs('stranger', 'app', 'other-vault')).toEqual({ status: 403, code: 'ForbiddenByRbac' });
  });

  it('says why a service account gets nothing, in the words of Entra ID', async () => {
    const { issuerURL } = await azure.makeCluster({ workloadIdentity: true });
    const trust = { issuer: issuerURL, subject: 'system:serviceaccount:default:somebody-else' };
    const trusting = await azure.makeIdentity('trusts-another', trust);
    const lonely = await azure.makeIdentity('trusts-nobody');
    const cases = [
      ['wrong-subject', trusting.clientId, 700213],
      ['no-credential', lonely.clientId, 700211],
      ['no-identity', '00000000-0000-4000-8000-00000000dead', 700016],
    ] as const;
    for (const [name, clientId, code] of cases) {
      await azure.makeServiceAccount(name, clientId);
      expect(await askAs(name, name, 'first-vault')).toEqual({ entra: code });
    }
  });

  it('refuses a labelled pod whose service account does not exist', async () => {
    await azure.makeCluster({ workloadIdentity: true });
    await expect(azure.runScript('homeless', { ...LABELLED, serviceAccount: 'nobody' }, '')).rejects.toThrow(
      /admission webhook \\?"mutation.azure-workload-identity.io\\?" denied the request: serviceaccounts/,
    );
  });

  it('gives a pod with a binding’s label the token of its identity, and every other pod the refusal', async () => {
    const identity = await azure.makeIdentity('vote');
    await azure.makeCluster({ workloadIdentity: true, podIdentity: [{ name: 'vote', identity }] });
    const bound = await azure.runScript('bound', { labels: { aadpodidbinding: 'vote' } }, ASK_METADATA);
    expect([bound, subjectOf(bound)]).toMatchObject([{ status: 200 }, identity.principalId]);
    const refusal = {
      status: 404,
      text: expect.stringContaining('no azure identity found for request clientID') as string,
    };
    expect(await azure.runScript('unbound', {}, ASK_METADATA)).toMatchObject(refusal);
    // Everything else goes on to the metadata service, for confidential guests above all.
    const certificates = await azure.runScript('guest', {}, ASK_CERTIFICATES);
    expect(certificates).toMatchObject({ vcekCert: expect.stringContaining('BEGIN CERTIFICATE') as string });
    const other = { labels: { aadpodidbinding: 'other' } };
    expect(await azure.runScript('other', other, ASK_METADATA)).toMatchObject(refusal);
  });

  it('takes away what the profile no longer has, and lets excepted pods ask the node', async () => {
    const identity = await azure.makeIdentity('vote');
    const exception = { name: 'excepted', namespace: 'default', podLabels: { app: 'agent' } };
    await azure.makeCluster({ workloadIdentity: true, podIdentity: [], exceptions: [exception] });
    const bound = { labels: { aadpodidbinding: 'vote' } };
    expect(await azure.runScript('no-longer', bound, ASK_METADATA)).toMatchObject({ status: 404 });
    // The one identity that the node still has is the kubelet's.
    const excepted = await azure.runScript('agent', { labels: { app: 'agent' } }, ASK_METADATA);
    expect(excepted).toMatchObject({ status: 200 });
    expect(subjectOf(excepted)).not.toBe(identity.principalId);
    await azure.makeCluster({ workloadIdentity: true });
    expect(await azure.runScript('add-on-off', {}, ASK_METADATA)).toMatchObject({ status: 200 });
  });

  it('judges each vault by its own policies and network', async () => {
    await azure.makeCluster({ workloadIdentity: true });
    const { principalId } = await azure.makeIdentity('workload');
    const permissions = { secrets: ['get'] };
    const accessPolicies = [{ tenantId: azure.cloudFile['tenantId'], objectId: principalId, permissions }];
    const cases = [
      ['policy-vault', { accessPolicies }, { status: 200, value: 'hello' }],
      ['strange-vault', { accessPolicies: [] }, { status: 403, code: 'AccessDenied' }],
      [
        'walled-vault',
        { accessPolicies, networkAcls: { defaultAction: 'Deny' } },
        { status: 403, code: 'ForbiddenByFirewall' },
      ],
      [
        'open-vault',
        { accessPolicies, networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '127.0.0.0/8' }] } },
        { status: 200, value: 'hello' },
      ],
      [
        'private-vault',
        { accessPolicies, publicNetworkAccess: 'Disabled' },
        { status: 403, code: 'ForbiddenByConnection' },
      ],
    ] as const;
    for (const [vault, properties, answer] of cases) {
      await azure.makeVault(vault, [], { greeting: 'hello' }, properties);
      expect([vault, await askAs(`asks-${vault}`, 'app', vault)]).toEqual([vault, answer]);
    }
    const { clusterId } = azure;
    await azure.makePrivateEndpoint(
      clusterId.replace(/Microsoft\.ContainerService.*/, 'Microsoft.KeyVault/vaults/private-vault'),
    );
    expect(await askAs('through-endpoint', 'app', 'private-vault')).toEqual({ status: 200, value: 'hello' });
  });

  it('keeps issuer and keys over a restart', async () => {
    const { issuerURL } = await azure.makeCluster({ workloadIdentity: true });
    const keys = await azure.anonymous(`${issuerURL}openid/v1/jwks`);
    await azure.close();
    await cloud.stop();
    cloud = await startScriptCloud(folder.path, portBase);
    azure = await openIdentityCloud(cloud);
    expect(await azure.makeCluster({ workloadIdentity: true })).toEqual({ enabled: true, issuerURL });
    expect(await azure.anonymous(`${issuerURL}openid/v1/jwks`)).toEqual(keys);
    expect(await askAs('after-restart', 'app', 'first-vault')).toMatchObject({ status: 200 });
  });
});

const LABELLED = { labels: { 'azure.workload.identity/use': 'true' } };
const ASK_METADATA = `
  fetch('http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net', { headers: { Metadata: 'true' } })
    .then(async (answer) => console.log(JSON.stringify({ status: answer.status, text: await answer.text() })));`;

const ASK_CERTIFICATES = `
  fetch('http://169.254.169.254/metadata/THIM/amd/certification', { headers: { Metadata: 'true' } })
    .then(async (answer) => console.log(await answer.text()));`;

/** Asks a vault as the pod's workload identity, with nothing but requests; prints what Entra ID or the vault answered. */
function askVault(vault: string): string {
  return `(async () => {
    const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST } = process.env;
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: AZURE_CLIENT_ID, scope: 'https://vault.azure.net/.default',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: require('node:fs').readFileSync(AZURE_FEDERATED_TOKEN_FILE, 'utf8') });
    const token = await (await fetch(AZURE_AUTHORITY_HOST + AZURE_TENANT_ID + '/oauth2/v2.0/token', { method: 'POST', body })).json();
    if (token.error !== undefined) return { entra: token.error_codes[0] };
    const answer = await fetch('https://${vault}.vault.azure.net/secrets/greeting?api-version=7.6', { headers: { authorization: 'Bearer ' + token.access_token } });
    const { value, error } = await answer.json();
    return { status: answer.status, value, code: error?.innererror?.code };
  })().then((answer) => console.log(JSON.stringify(answer)))`;
}

/** Whom a token is about. */
function subjectOf(answer: unknown): unknown {
  const { access_token: token } = JSON.parse((answer as { text: string }).text) as { access_token: string };
  return (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { oid?: unknown }).oid;
}
