/**
 * Tests beside their sources that start programs all the time: official SDKs in processes of their own, kubectl, whole clouds of
 * stand-ins. Each takes many seconds of a processor, so `npm run test:e2e` runs them and `npm test` does not.
 */
export const programTests: readonly string[] = [
  'adapters/azure/test/credentials.test.ts',
  'bench/test/run.test.ts',
  'cli/test/release/container-files.test.ts',
  'local/test/azure/keys-sdk.test.ts',
  'local/test/azure/sdk-known-answers.test.ts',
  'local/test/azure/sdk.test.ts',
  'local/test/azure/secrets-store.test.ts',
  'local/test/kubernetes/api/kubectl.test.ts',
  'local/test/kubernetes/kubelet/volumes/key-vault.test.ts',
  'local/test/up/cluster-access.test.ts',
  'local/test/up/identities.test.ts',
  'local/test/up/start-local-cloud.test.ts',
];
