export { FakeAzure } from './fake-azure.ts';
export { FakeClock } from './fake-clock.ts';
export { FakeCluster } from './fake-cluster.ts';
export { FakeAzureError, FakeKubernetesError, FakeRequests, ProcessKilled } from './fake-requests.ts';
export type { FakeRequest, Fault } from './fake-requests.ts';
export { FakeRollouts } from './fake-rollouts.ts';
export { FakeState, fakeWorld } from './fake-world.ts';
export type { FakeWorld } from './fake-world.ts';
