import {
  containerSteps,
  createCceEnforcer,
  explainDecision,
  predictContainer,
  renderExplanation,
  sandboxSteps,
  virtualNodeProfile,
} from '@holdfast/policy';
import type { CceEnforcer, CceStep, Decision, PredictedContainer } from '@holdfast/policy';

import type {
  AdmittedContainer,
  ContainerRequest,
  GuestAnswer,
  GuestEnforcement,
  GuestRefusal,
} from './guest-enforcement.ts';
import { measureImage } from './mounted-image.ts';
import { containerId, variablesOf } from './request-values.ts';

export interface CceEnforcementOptions {
  /** Text of the policy. */
  readonly policy: string;
  /** Folder for unpacked images. */
  readonly imagesFolder: string;
  /** Makes container ids differ between pods. */
  readonly podName: string;
}

/**
 * The guest agent of a container group: asks the CCE policy about each step, in the order in which a real guest meets them.
 * Layers are measured from their bytes, so a layer that was changed has another root hash than the policy names. The
 * sandbox's own image is the platform's and is taken as what it claims to be.
 * @throws MalformedError, UnsupportedError for a policy that cannot be evaluated
 */
export class CceEnforcement implements GuestEnforcement {
  readonly #options: CceEnforcementOptions;
  readonly #enforcer: CceEnforcer;
  readonly #sandboxId: string;
  readonly #devices = new Map<string, string>();
  readonly #requests = new Map<
    string,
    { readonly container: PredictedContainer; readonly command: readonly string[] }
  >();
  #lives = 0;

  constructor(options: CceEnforcementOptions) {
    this.#options = options;
    this.#enforcer = createCceEnforcer(options.policy);
    this.#sandboxId = this.#newId('sandbox');
  }

  startSandbox(): Promise<GuestAnswer<true>> {
    const { refused } = this.#enforceAll(sandboxSteps(this.#sandboxId, this.#devices));
    return Promise.resolve(refused === undefined ? { admitted: true } : { refused });
  }

  async admit({ declaration, image, platformVariables }: ContainerRequest): Promise<GuestAnswer<AdmittedContainer>> {
    const measured = await measureImage(image, 'ext4', this.#options.imagesFolder);
    const container = { ...predictContainer(declaration, image.facts), layers: measured.rootHashes };
    const id = this.#newId(declaration.name);
    const steps = containerSteps(container, {
      id,
      sandboxId: this.#sandboxId,
      devices: this.#devices,
      variables: Object.entries(platformVariables).map(([name, value]) => ({ name, value })),
      // Probes and hooks are asked about when they run.
      execs: false,
    });
    const { refused, created } = this.#enforceAll(steps);
    if (refused !== undefined) return { refused };
    const command = container.command ?? [];
    this.#requests.set(id, { container, command });
    return {
      admitted: {
        id,
        root: measured.root,
        command,
        environment: variablesOf(created?.keptEnv ?? []),
        droppedVariables: (created?.droppedEnvironment ?? []).map(({ name }) => name),
        outputReadable: created?.allowStdio !== false,
      },
    };
  }

  admitExec(admitted: AdmittedContainer, command: readonly string[]): GuestAnswer<Readonly<Record<string, string>>> {
    const request = this.#requests.get(admitted.id);
    const { workingDir, noNewPrivileges, user, groups, umask, capabilities } = request?.container ?? nothing;
    const envList = Object.entries(admitted.environment).map(([name, value]) => `${name}=${value}`);
    const input = {
      containerID: admitted.id,
      argList: command,
      envList,
      workingDir,
      noNewPrivileges,
      user,
      groups,
      umask,
      capabilities,
    };
    const decision = this.#enforcer.enforce({ point: 'exec_in_container', input });
    if (!decision.allowed) return { refused: refusalOf(decision) };
    return { admitted: variablesOf(decision.keptEnv ?? envList) };
  }

  admitSignal(admitted: AdmittedContainer, signal: number): GuestAnswer<true> {
    const argList = this.#requests.get(admitted.id)?.command ?? [];
    const input = { containerID: admitted.id, signal, isInitProcess: true, argList };
    const decision = this.#enforcer.enforce({ point: 'signal_container_process', input });
    return decision.allowed ? { admitted: true } : { refused: refusalOf(decision) };
  }

  ended(admitted: AdmittedContainer): void {
    this.#requests.delete(admitted.id);
    this.#enforcer.enforce({ point: 'shutdown_container', input: { containerID: admitted.id } });
  }

  /** Plays steps until one is denied; then none of them has happened. */
  #enforceAll(steps: readonly CceStep[]): { readonly refused?: GuestRefusal; readonly created?: Decision } {
    const before = this.#enforcer.snapshot();
    const devices = new Map(this.#devices);
    let created: Decision | undefined;
    for (const step of steps) {
      const decision = this.#enforcer.enforce(step);
      if (!decision.allowed) {
        this.#enforcer.restore(before);
        for (const layer of this.#devices.keys()) if (!devices.has(layer)) this.#devices.delete(layer);
        return { refused: refusalOf(decision) };
      }
      if (step.point === 'create_container') created = decision;
    }
    return created === undefined ? {} : { created };
  }

  #newId(name: string): string {
    this.#lives += 1;
    return containerId(this.#options.podName, name, this.#lives);
  }
}

const nothing: Pick<
  PredictedContainer,
  'workingDir' | 'noNewPrivileges' | 'user' | 'groups' | 'umask' | 'capabilities'
> = {
  workingDir: '/',
  noNewPrivileges: false,
  user: { id: '', name: '' },
  groups: [],
  umask: '0022',
  capabilities: { ambient: [], bounding: [], effective: [], inheritable: [], permitted: [] },
};

function refusalOf(decision: Decision): GuestRefusal {
  const explanation = renderExplanation(explainDecision(decision, { profile: virtualNodeProfile }));
  return { message: decision.denial?.message ?? decision.plainError ?? explanation, explanation };
}
