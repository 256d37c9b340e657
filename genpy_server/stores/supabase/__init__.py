"""Conversations in Supabase, by the functions of `schema.sql`.

Only this folder imports the Supabase client.
"""
