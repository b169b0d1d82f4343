import { freePortBase, openIdentityCloud, startScriptCloud, temporaryFolder } from '@holdfast/local/testing';
import type { IdentityCloud } from '@holdfast/local/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runHoldfast } from '../src/index.ts';

const LABELLED = { labels: { 'azure.workload.identity/use': 'true' } };
const TOKEN = { operation: 'token', scope: 'https://vault.azure.net/.default', times: 1 };

/** Prints the status that the metadata service, or who stands for it, answers. */
const ASK_METADATA = `
  fetch('http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net', { headers: { Metadata: 'true' } })
    .then((answer) => console.log(answer.status));`;

/** The unmodified SDKs for Azure, in pods of a local cluster: what they are told by the public names of Azure, and nothing else. */
describe('the Azure SDKs in pods of the local cloud', { timeout: 240_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let cloud: Awaited<ReturnType<typeof startScriptCloud>>;
  let azure: IdentityCloud;

  beforeAll(async () => {
    folder = await temporaryFolder();
    cloud = await startScriptCloud(folder.path, await freePortBase(11));
    azure = await openIdentityCloud(cloud);
  }, 120_000);
  afterAll(async () => {
    await azure.close();
    await cloud.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('WorkloadIdentityCredential and SecretClient act as the identity that trusts the service account', async () => {
    const { issuerURL } = await azure.makeCluster({ workloadIdentity: true });
    const identity = await azure.makeIdentity('workload', {
      issuer: issuerURL,
      subject: 'system:serviceaccount:default:app',
    });
    await azure.makeVault('first-vault', [identity.principalId], { greeting: 'hello' });
    await azure.makeVault('other-vault', [], { greeting: 'hello' });
    await azure.makeServiceAccount('app', identity.clientId);
    const pod = async (name: string, vault: string): Promise<unknown> => {
      const credential = { kind: 'workload-identity' };
      const asked = { operation: 'get', credential, vaultUrl: `https://${vault}.vault.azure.net`, name: 'greeting' };
      return azure.runSdk(name, asked, { ...LABELLED, serviceAccount: 'app' });
    };
    expect(await pod('reader', 'first-vault')).toEqual({ ok: { value: 'hello' } });
    expect(await pod('stranger', 'other-vault')).toMatchObject({ error: { statusCode: 403, code: 'Forbidden' } });
  });

  it('WorkloadIdentityCredential shows why a service account gets nothing', async () => {
    const { issuerURL } = await azure.makeCluster({ workloadIdentity: true });
    const trust = { issuer: issuerURL, subject: 'system:serviceaccount:default:somebody-else' };
    const trusting = await azure.makeIdentity('trusts-another', trust);
    const lonely = await azure.makeIdentity('trusts-nobody');
    const failure = async (name: string, clientId: string): Promise<string> => {
      await azure.makeServiceAccount(name, clientId);
      const asked = { ...TOKEN, credential: { kind: 'workload-identity' } };
      const { error } = await azure.runSdk(name, asked, { ...LABELLED, serviceAccount: name });
      return String(error?.message);
    };
    expect(await failure('wrong-subject', trusting.clientId)).toContain('AADSTS700213');
    expect(await failure('no-credential', lonely.clientId)).toContain('AADSTS700211');
    expect(await failure('no-identity', '00000000-0000-4000-8000-00000000dead')).toContain('AADSTS700016');
  });

  it('ClientSecretCredential gets a token for the right secret, and no other', async () => {
    await azure.makeCluster({ workloadIdentity: true });
    const { tenantId = '', clientId = '' } = azure.cloudFile;
    const asked = (secret: string): object => ({
      ...TOKEN,
      credential: { kind: 'client-secret', tenantId, clientId, secret },
    });
    const right = await azure.runSdk('right-secret', asked(await azure.clientSecret()));
    expect(right.ok).toMatchObject({ tokens: [expect.any(String)] });
    const { error } = await azure.runSdk('wrong-secret', asked('wrong'));
    expect(error?.message).toContain('AADSTS7000215');
  });

  it('ManagedIdentityCredential gets the identity of the binding, and no other', async () => {
    const identity = await azure.makeIdentity('vote');
    const other = await azure.makeIdentity('not-attached');
    await azure.makeCluster({ workloadIdentity: true, podIdentity: [{ name: 'vote', identity }] });
    await azure.makeVault('vote-vault', [identity.principalId], { password: 'secret' });
    const asked = { operation: 'get', vaultUrl: 'https://vote-vault.vault.azure.net', name: 'password' };
    const credential = { kind: 'managed-identity' };
    const bound = { labels: { aadpodidbinding: 'vote' } };
    expect(await azure.runSdk('bound', { ...asked, credential }, bound)).toEqual({ ok: { value: 'secret' } });
    const { error } = await azure.runSdk(
      'greedy',
      { ...asked, credential: { ...credential, clientId: other.clientId } },
      bound,
    );
    expect(error?.name).toBe('CredentialUnavailableError');
  });

  it('see what holdfast identity does to a cluster', async () => {
    await azure.makeCluster({ workloadIdentity: true });
    const { resourceId, principalId } = await azure.makeIdentity('by-command');
    await azure.makeVault('command-vault', [principalId], { password: 'secret' });
    const identity = async (...args: readonly string[]): Promise<string> => {
      const cluster = ['--cluster-name', 'cluster', '--resource-group', 'identities'];
      const ended = await runHoldfast([
        'identity',
        ...args,
        ...cluster,
        '--target',
        'local',
        '--home',
        cloud.ready.home,
      ]);
      if (ended.code !== 0) throw new Error(`identity ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
      return ended.stdout;
    };
    const asked = {
      operation: 'get',
      credential: { kind: 'managed-identity' },
      vaultUrl: 'https://command-vault.vault.azure.net',
      name: 'password',
    };
    const bound = { labels: { aadpodidbinding: 'command' } };
    const place = ['--name', 'command', '--namespace', 'default'];
    await identity('add', ...place, '--identity-resource-id', resourceId, '--enable');
    expect(await identity('list')).toContain('default/command');
    expect(await azure.runSdk('command-bound', asked, bound)).toEqual({ ok: { value: 'secret' } });
    await identity('delete', ...place);
    expect(await azure.runScript('command-gone', bound, ASK_METADATA)).toBe(404);
    await identity('exception', 'add', '--name', 'agents', '--namespace', 'default', '--pod-labels', 'app=agent');
    expect(await azure.runScript('command-agent', { labels: { app: 'agent' } }, ASK_METADATA)).toBe(200);
    await identity('exception', 'delete', '--name', 'agents', '--namespace', 'default');
    expect(await azure.runScript('command-no-agent', { labels: { app: 'agent' } }, ASK_METADATA)).toBe(404);
  });
});
