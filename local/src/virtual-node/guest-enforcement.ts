import type { ContainerSpec as ContainerDeclaration } from '@holdfast/policy';

import type { LocalImage } from '../images/build-local-image.ts';

/** A container that the host asks the guest to start. */
export interface ContainerRequest {
  /** What the manifest says of it. */
  readonly declaration: ContainerDeclaration;
  readonly image: LocalImage;
  /** Variables that the platform adds. */
  readonly platformVariables: Readonly<Record<string, string>>;
}

/** What the guest lets run. */
export interface AdmittedContainer {
  /** Never used twice in one guest. */
  readonly id: string;
  /** Folder with the verified files of its image. */
  readonly root: string;
  readonly command: readonly string[];
  /** What is left of the requested environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names of variables that the policy does not admit and that were taken away. */
  readonly droppedVariables: readonly string[];
  /** Whether the host may read what it writes to its standard output and standard error. */
  readonly outputReadable: boolean;
}

/** A request that the policy of the guest denies. */
export interface GuestRefusal {
  /** As the guest tells the host: a sentence with the encoded decision in it. */
  readonly message: string;
  /** The same in words: what was denied, why, and what to change. */
  readonly explanation: string;
}

export type GuestAnswer<T> = { readonly admitted: T } | { readonly refused: GuestRefusal };

/** The side of a confidential guest that asks the policy before anything happens. The host cannot get past it. */
export interface GuestEnforcement {
  /** Starts the sandbox that the containers of the pod share. */
  startSandbox(): Promise<GuestAnswer<true>>;
  /** Verifies the image's layers and admits one life of a container. */
  admit(request: ContainerRequest): Promise<GuestAnswer<AdmittedContainer>>;
  /** Whether a command may run inside an admitted container, and with which environment. */
  admitExec(container: AdmittedContainer, command: readonly string[]): GuestAnswer<Readonly<Record<string, string>>>;
  /** Whether the first process of a container may be sent a signal. */
  admitSignal(container: AdmittedContainer, signal: number): GuestAnswer<true>;
  /** The container has ended. */
  ended(container: AdmittedContainer): void;
}
