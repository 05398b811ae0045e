"""The inference runtimes behind one contract, one small file each."""
