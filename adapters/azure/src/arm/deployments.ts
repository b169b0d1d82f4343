import type { DeploymentsClient, DeploymentWhatIf } from '@azure/arm-resourcesdeployments';
import type {
  AzureProblem,
  CallOptions,
  DeploymentRequest,
  DeploymentsPort,
  DeploymentState,
  Scope,
  WhatIfChange,
} from '@holdfast/deployment';

import { untilAborted } from '../until-aborted.ts';
import type { AnswerLog, CallRecord, CapturedAnswer } from './answer-log.ts';
import { azureError, contextOf, refusal, unusable } from './azure-error.ts';
import { isObject, problemOf } from './azure-problem.ts';
import { deploymentPath, deploymentProblem, stateOf } from './deployment-problem.ts';
import { locationOf, openRequest } from './deployment-request.ts';
import { pauseFor } from './long-running.ts';
import { DEPLOYMENTS_API } from './sdk.ts';
import type { Sdk } from './sdk.ts';
import { followStarted, isFollowable, NOTHING_TO_FOLLOW, withoutResult } from './started-deployment.ts';
import type { Wire } from './wire.ts';

interface Parts {
  readonly wire: Wire;
  readonly sdk: () => Promise<Sdk>;
  readonly log: AnswerLog;
  /** Deadlines of calls that ask, and of calls that wait. */
  readonly question: (call: CallOptions | undefined) => AbortSignal;
  readonly operation: (call: CallOptions | undefined) => AbortSignal;
}

/** Outcome of a poller whose errors are no exceptions here: an SDK error says less than the answer that caused it. */
interface Polled {
  readonly thrown: unknown;
  readonly failed: boolean;
  readonly answer: CapturedAnswer | undefined;
}

type StartPoller = (
  deployments: DeploymentsClient['deployments'],
  options: { readonly abortSignal: AbortSignal; readonly updateIntervalInMs: number },
) => { pollUntilDone(options: { abortSignal: AbortSignal }): Promise<unknown> };

/** Deployments through the official SDK's pollers; what they lose of an answer is read from the answer itself. */
export class Deployments implements DeploymentsPort {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async get(scope: Scope, name: string, call?: CallOptions): Promise<DeploymentState | undefined> {
    return await this.#state(scope, name, this.#parts.question(call));
  }

  async validate(
    scope: Scope,
    name: string,
    request: DeploymentRequest,
    call?: CallOptions,
  ): Promise<AzureProblem | undefined> {
    const signal = this.#parts.question(call);
    const { body, secrets } = openRequest(request, 'open');
    const polled = await this.#poll(scope, signal, (deployments, options) =>
      scope.resourceGroup === undefined
        ? deployments.validateAtSubscriptionScope(name, { ...body, location: locationOf(request) }, options)
        : deployments.validate(scope.resourceGroup, name, body, options),
    );
    const problem = signal.aborted ? undefined : saidProblem(polled, secrets);
    if (problem === undefined && polled.failed) {
      const doing = `validating the deployment ${name}`;
      throw azureError(polled.thrown, { answer: polled.answer, signal, secrets, doing });
    }
    return problem;
  }

  async whatIf(
    scope: Scope,
    name: string,
    request: DeploymentRequest,
    call?: CallOptions,
  ): Promise<{ readonly changes: readonly WhatIfChange[] } | { readonly problem: AzureProblem }> {
    const signal = this.#parts.question(call);
    const { body, secrets } = openRequest(request, 'placeholder');
    const forecast: DeploymentWhatIf = {
      properties: { ...body.properties, whatIfSettings: { resultFormat: 'FullResourcePayloads' } },
    };
    const polled = await this.#poll(scope, signal, (deployments, options) =>
      scope.resourceGroup === undefined
        ? deployments.whatIfAtSubscriptionScope(name, { ...forecast, location: locationOf(request) }, options)
        : deployments.whatIf(scope.resourceGroup, name, forecast, options),
    );
    const problem = signal.aborted ? undefined : saidProblem(polled, secrets);
    if (problem !== undefined) return { problem };
    const doing = `forecasting the deployment ${name}`;
    if (polled.failed) throw azureError(polled.thrown, { answer: polled.answer, signal, secrets, doing });
    return { changes: changesOf(polled.answer, doing) };
  }

  async start(scope: Scope, name: string, request: DeploymentRequest, call?: CallOptions): Promise<string> {
    const { sdk, log, wire, question } = this.#parts;
    const signal = question(call);
    const loaded = await sdk();
    const { body, secrets } = openRequest(request, 'open');
    const record: CallRecord = { answer: undefined };
    try {
      signal.throwIfAborted();
      return await log.run(record, async () => {
        const { deployments } = loaded.client(scope.subscriptionId);
        const options = { abortSignal: signal, updateIntervalInMs: wire.pollIntervalMs };
        // Pollers are thenable: one that leaves an async function, or is awaited, is awaited to its end.
        const poller =
          scope.resourceGroup === undefined
            ? deployments.createOrUpdateAtSubscriptionScope(name, { ...body, location: locationOf(request) }, options)
            : deployments.createOrUpdate(scope.resourceGroup, name, body, options);
        await untilAborted(poller.submitted(), signal);
        return withoutResult(await poller.serialize());
      });
    } catch (thrown) {
      // Taken, and failed at once: the deployment exists and says why to whoever waits for it.
      const { answer } = record;
      if (!signal.aborted && answer !== undefined && answer.status < 300) return NOTHING_TO_FOLLOW;
      throw azureError(thrown, { answer, signal, secrets, doing: `starting the deployment ${name}` });
    }
  }

  async wait(
    scope: Scope,
    name: string,
    started: string | undefined,
    call?: CallOptions & { readonly onState?: (provisioningState: string) => void },
  ): Promise<DeploymentState> {
    const { sdk, log, wire, operation } = this.#parts;
    const signal = operation(call);
    const report = reporter(call?.onState);
    if (started !== undefined && isFollowable(wire, started)) {
      const deployment = { subscriptionId: scope.subscriptionId, started };
      await followStarted({ sdk: await sdk(), log, wire }, deployment, signal, report);
    }
    for (;;) {
      const state = await this.#state(scope, name, signal);
      if (state === undefined) throw notFound(name);
      report(state.provisioningState);
      if (isFinal(state.provisioningState)) return state;
      await pauseFor(wire.pollIntervalMs, signal, `the deployment ${name}`);
    }
  }

  async cancel(scope: Scope, name: string, call?: CallOptions): Promise<void> {
    const { wire, question } = this.#parts;
    const path = `${deploymentPath(scope.subscriptionId, scope.resourceGroup, name)}/cancel`;
    await wire.succeed({ method: 'POST', path, apiVersion: DEPLOYMENTS_API, signal: question(call) });
  }

  async remove(scope: Scope, name: string, call?: CallOptions): Promise<void> {
    const { wire, operation } = this.#parts;
    const signal = operation(call);
    const path = deploymentPath(scope.subscriptionId, scope.resourceGroup, name);
    const answer = await wire.send({ method: 'DELETE', path, apiVersion: DEPLOYMENTS_API, signal });
    if (answer.status !== 404 && (answer.status < 200 || answer.status > 299)) throw wire.refused(answer, 'DELETE');
    while (answer.status === 202 && (await wire.read(path, DEPLOYMENTS_API, signal)) !== undefined) {
      await pauseFor(wire.pollIntervalMs, signal, `the removal of the deployment ${name}`);
    }
  }

  async #state(scope: Scope, name: string, signal: AbortSignal): Promise<DeploymentState | undefined> {
    const { wire } = this.#parts;
    const path = deploymentPath(scope.subscriptionId, scope.resourceGroup, name);
    const deployment = await wire.read(path, DEPLOYMENTS_API, signal);
    if (deployment === undefined) return undefined;
    const state = stateOf(name, deployment);
    if (!/^(?:failed|cancell?ed)$/i.test(state.provisioningState)) return { ...state, problem: undefined };
    return { ...state, problem: await deploymentProblem(wire, path, deployment, signal) };
  }

  /** Runs a poller of the SDK to its end, and keeps the last answer that it got. */
  async #poll(scope: Scope, signal: AbortSignal, start: StartPoller): Promise<Polled> {
    const { sdk, log, wire } = this.#parts;
    const record: CallRecord = { answer: undefined };
    try {
      signal.throwIfAborted();
      const loaded = await sdk();
      const options = { abortSignal: signal, updateIntervalInMs: wire.pollIntervalMs };
      await log.run(record, async () => {
        const poller = start(loaded.client(scope.subscriptionId).deployments, options);
        await untilAborted(poller.pollUntilDone({ abortSignal: signal }), signal);
      });
      return { thrown: undefined, failed: false, answer: record.answer };
    } catch (thrown) {
      return { thrown, failed: true, answer: record.answer };
    }
  }
}

/** The problem that the last answer holds: a 400, or an error in an answer of any success. Refusals otherwise are none. */
function saidProblem({ answer }: Polled, secrets: readonly string[]): AzureProblem | undefined {
  if (answer === undefined || !(answer.status < 300 || answer.status === 400)) return undefined;
  const body = isObject(answer.body) ? answer.body : {};
  const problem = isObject(body['error']) ? problemOf(body, contextOf(answer, { secrets })) : undefined;
  if (problem !== undefined) return problem;
  const ended = typeof body['status'] === 'string' && /^(?:failed|cancell?ed)$/i.test(body['status']);
  if (answer.status !== 400 && !ended) return undefined;
  return { code: 'DeploymentInvalid', message: 'Azure gave no reason', path: [], status: answer.status };
}

function changesOf(answer: CapturedAnswer | undefined, doing: string): readonly WhatIfChange[] {
  const body = isObject(answer?.body) ? answer.body : {};
  const properties = isObject(body['properties']) ? body['properties'] : body;
  const changes: unknown = properties['changes'] ?? (body['status'] === 'Succeeded' ? [] : undefined);
  const readable =
    Array.isArray(changes) && changes.every((change) => isObject(change) && typeof change['changeType'] === 'string');
  if (!readable) throw unusable(doing, 'a forecast without changes');
  return changes as readonly WhatIfChange[];
}

function reporter(onState: ((provisioningState: string) => void) | undefined): (state: string) => void {
  let last: string | undefined;
  return (state) => {
    if (state !== last) onState?.(state);
    last = state;
  };
}

function isFinal(provisioningState: string): boolean {
  return /^(?:succeeded|failed|cancell?ed|deleted)$/i.test(provisioningState);
}

function notFound(name: string): Error {
  const body = { error: { code: 'DeploymentNotFound', message: `there is no deployment ${name}` } };
  const doing = `waiting for the deployment ${name}`;
  return refusal(404, { status: 404, body, correlationId: undefined }, undefined, { doing });
}
