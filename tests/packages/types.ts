import { getLoadablePath, load } from 'gru4rec';

const path: string = getLoadablePath();
load({ loadExtension(file: string) { return file === path; } });
load({ loadExtension(file: string, entryPoint?: string | undefined): void {} });
// @ts-expect-error: no connection
load({});
// @ts-expect-error: no number
const wrong: number = getLoadablePath();
