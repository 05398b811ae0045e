"""Configurations of FastDeploy, PaddleSlim's ACT and PaddleDetection, read as recipes, with an account of every key."""
