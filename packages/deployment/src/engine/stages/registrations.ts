import type { Stage } from '../../graph/stages.ts';
import { lookAt } from '../completion.ts';
import type { RegistrationState, StageState } from '../completion.ts';
import type { AzureProblem } from '../ports.ts';
import type { Run } from '../run.ts';
import { waitFor } from '../waits.ts';

/**
 * Registers preview features first and then providers, and waits for both. A provider is registered once more after its
 * feature: only then does it take the feature up.
 */
export async function runRegistrations(run: Run, stage: Stage, state: StageState): Promise<void> {
  const features = state.registrations.filter((each) => each.feature && each.state !== 'Registered');
  for (const { name, state: seen } of features)
    if (seen !== 'Registering' && seen !== 'Pending') await registerFeature(run, name);
  if (features.length > 0) await waitUntilRegistered(run, stage, 'featureRegistration', (each) => each.feature);
  const again = new Set(features.map(({ name }) => name.split('/')[0]));
  for (const { name, feature, state: seen } of state.registrations) {
    if (feature || ((seen === 'Registered' || seen === 'Registering') && !again.has(name))) continue;
    run.emit(stage.id, 'creating', { resource: name });
    const path = `/subscriptions/${run.resolved.subscriptionId}/providers/${name}/register`;
    await run.ports.arm.post(path, '2021-04-01', undefined, { signal: run.signal });
  }
  await waitUntilRegistered(run, stage, 'providerRegistration', (each) => !each.feature);
}

/**
 * Goes back to the registrations because a later stage met a provider that is not registered: it was taken away since, or
 * was not yet known everywhere. Answers false when the problem names a provider that is not one of this deployment.
 */
export async function registerAgain(run: Run, problem: AzureProblem): Promise<boolean> {
  const stage = run.stages.find(({ id }) => id === 'S1');
  if (stage === undefined) return false;
  const state = await lookAt(run, stage);
  const named = /namespace '([\w.]+)'/.exec(problem.message)?.[1]?.toLowerCase();
  if (named !== undefined && !state.registrations.some(({ name }) => name.toLowerCase() === named)) return false;
  run.emit(stage.id, 'started', { detail: `${stage.title} once more` });
  await runRegistrations(run, stage, state);
  run.emit(stage.id, 'done', { detail: stage.done });
  return true;
}

async function registerFeature(run: Run, name: string): Promise<void> {
  const [provider = '', feature = ''] = name.split('/');
  run.emit('S1', 'creating', { resource: name });
  const path =
    `/subscriptions/${run.resolved.subscriptionId}/providers/Microsoft.Features/providers/${provider}` +
    `/features/${feature}/register`;
  await run.ports.arm.post(path, '2021-07-01', undefined, { signal: run.signal });
}

async function waitUntilRegistered(
  run: Run,
  stage: Stage,
  wait: 'featureRegistration' | 'providerRegistration',
  which: (state: RegistrationState) => boolean,
): Promise<void> {
  await waitFor(run, {
    wait,
    stage: stage.id,
    what: 'registration',
    probe: async () => {
      const { registrations } = await lookAt(run, stage);
      const open = registrations.filter((each) => which(each) && each.state !== 'Registered');
      return open.length === 0
        ? { done: true }
        : { pending: open.map((each) => `${each.name} is ${each.state}`).join(', ') };
    },
  });
}
