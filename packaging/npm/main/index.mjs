import gru4rec from './index.cjs';

export const { getLoadablePath, load } = gru4rec;
export default gru4rec;
