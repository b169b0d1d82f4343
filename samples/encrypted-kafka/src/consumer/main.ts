import { HttpClient, listen } from '@holdfast/http';
import { consumeTopic } from '@holdfast/kafka';
import type { ConsumptionState, ReceivedRecord } from '@holdfast/kafka';
import type { Logger, RunningService, StartService } from '@holdfast/process';

import { headerText } from '../kafka/source-header.ts';
import { openLog } from '../logging.ts';
import { buildConsumerApp } from './app.ts';
import { readConsumerConfig } from './config.ts';
import type { ConsumerConfig } from './config.ts';
import type { ConsumerContext } from './context.ts';
import { KeyKeeper } from './key-keeper.ts';
import type { KeyState } from './key-keeper.ts';
import { MessageBoard } from './message-board.ts';
import { loadAssets } from './page/assets.ts';
import { pageView } from './page/view.ts';
import { requestKey } from './sidecar.ts';

const FIRST_MESSAGE_TIMEOUT_MS = 10_000;

/**
 * Starts the consumer: the page first, then, side by side, the request for the key and the reading of the topic. Neither
 * waits for the other: without a key the page shows ciphertext.
 */
export const startConsumer: StartService = async (host): Promise<RunningService> => {
  const config = readConsumerConfig(host);
  const log = openLog('encrypted-kafka-consumer', config.kafka.logFile, host.logger);
  const client = new HttpClient();
  const board = new MessageBoard({ clock: Date.now });
  const changes = new Set<() => void>();
  const changed = (): void => {
    for (const listener of changes) listener();
  };
  let kafkaState: ConsumptionState = { kind: 'connecting' };
  const keeper = createKeeper(config, client, (state) => {
    logKeyState(log.logger, state);
    if (keeper.key !== undefined) board.useKey(keeper.key);
    changed();
  });
  board.subscribe(changed);
  const context: ConsumerContext = {
    board,
    assets: await loadAssets(),
    view: () =>
      pageView({
        topic: config.kafka.topic,
        headingStyle: config.heading,
        key: keeper.state,
        kafka: kafkaState,
        messages: board.messages,
        received: board.count,
      }),
    subscribe: (listener) => {
      changes.add(listener);
      return () => changes.delete(listener);
    },
    firstMessageTimeoutMs: FIRST_MESSAGE_TIMEOUT_MS,
  };
  const app = buildConsumerApp(context);
  const http = await listen(app, { host: config.host, port: config.port });
  keeper.start();
  const consumption = consumeTopic({
    connection: config.kafka.connection,
    topic: config.kafka.topic,
    groupId: config.groupId,
    from: 'latest',
    onRecord: (record) => {
      if (isOurs(record, config.kafka.source)) receive(board, record, log.logger);
    },
    onState: (state) => {
      kafkaState = state;
      logKafkaState(log.logger, state);
      changed();
    },
  });
  return {
    addresses: { http },
    stop: async () => {
      board.close();
      await app.close();
      await consumption.close();
      await keeper.stop();
      await client.close();
      await log.close();
    },
  };
};

function createKeeper(config: ConsumerConfig, client: HttpClient, onChange: (state: KeyState) => void): KeyKeeper {
  const { keyRequest } = config;
  return new KeyKeeper({
    kid: keyRequest?.kid,
    request: () =>
      keyRequest === undefined
        ? Promise.reject(new RangeError('no key is named'))
        : requestKey(client, keyRequest, config.expectedKey),
    onChange,
  });
}

/** Messages of another producer on the same topic carry another tag. Without a tag of our own, all count. */
function isOurs({ headers }: ReceivedRecord, source: string | undefined): boolean {
  if (source === undefined) return true;
  const header = headers.get('source');
  return header !== undefined && headerText(header) === source;
}

/** Texts of messages stay out of the log: they were encrypted for a reason. */
function receive(board: MessageBoard, record: ReceivedRecord, logger: Logger): void {
  const { number, partition, offset, decrypted, problem } = board.add(record);
  logger.debug({ number, partition, offset, decrypted, problem }, 'message received');
}

function logKeyState(logger: Logger, state: KeyState): void {
  if (state.kind === 'released') {
    logger.info({ kid: state.kid, bits: state.bits }, 'the key was released to this pod');
  } else if (state.kind === 'refused') {
    const { kid, code, action, retryInMs } = state;
    logger.warn({ kid, code, action, retryInMs }, state.reason);
  }
}

function logKafkaState(logger: Logger, state: ConsumptionState): void {
  if (state.kind === 'reading') logger.info({ partitions: state.partitions }, 'reading the topic');
  if (state.kind === 'waiting') {
    const { problem, retryInMs } = state;
    logger.warn({ code: problem.code, action: problem.action, retryInMs }, `${problem.message}; trying again`);
  }
}
