import { predictContainer } from '@holdfast/policy';

import type { AdmittedContainer, ContainerRequest, GuestAnswer, GuestEnforcement } from './guest-enforcement.ts';
import { measureImage } from './mounted-image.ts';
import { containerId } from './request-values.ts';

/** A node without guests and policies: runs ordinary pods, and does whatever it is asked to. */
export class OpenNode implements GuestEnforcement {
  readonly #podName: string;
  readonly #imagesFolder: string;
  #lives = 0;

  /** @param imagesFolder For unpacked images. */
  constructor(podName: string, imagesFolder: string) {
    this.#podName = podName;
    this.#imagesFolder = imagesFolder;
  }

  startSandbox(): Promise<GuestAnswer<true>> {
    return Promise.resolve({ admitted: true });
  }

  async admit({ declaration, image, platformVariables }: ContainerRequest): Promise<GuestAnswer<AdmittedContainer>> {
    const format = image.facts.layers.every(({ rootHashTarfs }) => rootHashTarfs !== undefined) ? 'tarfs' : 'ext4';
    const { root } = await measureImage(image, format, this.#imagesFolder);
    const { command, env } = predictContainer(declaration, image.facts);
    const variables = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
    this.#lives += 1;
    return {
      admitted: {
        id: containerId(this.#podName, declaration.name, this.#lives),
        root,
        command: command ?? [],
        environment: { ...platformVariables, ...variables },
        droppedVariables: [],
        outputReadable: true,
      },
    };
  }

  admitExec(admitted: AdmittedContainer): GuestAnswer<Readonly<Record<string, string>>> {
    return { admitted: admitted.environment };
  }

  admitSignal(): GuestAnswer<true> {
    return { admitted: true };
  }

  ended(): void {
    // Nothing is remembered of a container.
  }
}
